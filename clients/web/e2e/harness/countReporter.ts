import type { Reporter, TestCase, TestResult } from "@playwright/test/reporter";

/** Ends a run with how many tests passed and failed, in one line. One that did not run has failed. */
export default class CountReporter implements Reporter {
  readonly #passed = new Set<string>();
  #all: TestCase[] = [];

  onBegin(_: unknown, suite: { allTests(): TestCase[] }): void {
    this.#all = suite.allTests();
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    if (result.status === "passed" && test.expectedStatus === "passed") this.#passed.add(test.id);
  }

  onEnd(): void {
    const failed = this.#all.length - this.#passed.size;
    console.log(`browser: ${this.#passed.size} passed, ${failed} failed`);
  }
}
