import type { BrowserContext } from "@playwright/test";

/**
 * Watches browsers for what must never happen in any test: a request to anybody but the service and the page's own site,
 * a violation of a content security policy, an error in the console, an exception that nobody caught.
 */
export class Guard {
  readonly #findings = new Set<string>();
  readonly #allowed: RegExp[] = [];

  constructor(private readonly ours: (origin: string) => boolean) {}

  /** Watches everything in a browser context. */
  async watch(context: BrowserContext): Promise<void> {
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (/^https?:$|^wss?:$/.test(url.protocol) && !this.ours(url.origin)) this.#find(`request to ${url.href}`);
    });
    context.on("console", (message) => {
      const text = message.text();
      if (message.type() === "error" || /Content.Security.Policy|Trusted ?Type/i.test(text)) {
        this.#find(`console ${message.type()}: ${text} (${message.location().url})`);
      }
    });
    context.on("weberror", (error) => this.#find(`not caught: ${error.error().stack ?? error.error().message}`));
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(
          `policy violated: ${event.violatedDirective} by ${event.blockedURI} in ${event.sourceFile}:${event.lineNumber}`,
        );
      });
    });
  }

  /** Names what a test brings about on purpose, such as the console's line about a request that was cut. */
  allow(...patterns: RegExp[]): void {
    this.#allowed.push(...patterns);
  }

  /** Allows what the browser itself writes into the console when the network fails. */
  allowLostConnections(): void {
    this.allow(
      /Failed to load resource: net::ERR_(CONNECTION_|INTERNET_DISCONNECTED|NETWORK_CHANGED|EMPTY_RESPONSE|INCOMPLETE_CHUNKED|SOCKET_NOT)/,
    );
  }

  /** Allows the browser's line about an answer of the service that is a refusal, by its HTTP status. */
  allowRefusals(...statuses: number[]): void {
    for (const status of statuses)
      this.allow(new RegExp(`the server responded with a status of ${status} .*/kupla\\.v1\\.`));
  }

  /** What was found that no test allowed. */
  get findings(): readonly string[] {
    return [...this.#findings].filter((finding) => !this.#allowed.some((pattern) => pattern.test(finding)));
  }

  #find(finding: string): void {
    this.#findings.add(finding);
  }
}
