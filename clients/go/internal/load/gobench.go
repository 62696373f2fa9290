package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// batchingBenchmark tells at each of its runs how many times as fast messages are written in batches as each by itself.
const batchingBenchmark = "BenchmarkBatching"

// batching is the row of a Go benchmark, from a file of what it printed.
func batching(path string) (Row, error) {
	out := Row{
		Load: batchingBenchmark, Database: postgresName, Name: "64 senders, batched", Unit: "× one transaction a message",
	}
	r := row{Must: atLeast(5)}
	out.Must, out.Aim = r.Must.report(), r.Aim.report()
	printed, err := os.ReadFile(path)
	if err != nil {
		return out, err
	}
	// A line is "BenchmarkName-8  1  123 ns/op  4.5 times".
	for line := range strings.Lines(string(printed)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasPrefix(fields[0], batchingBenchmark) {
			continue
		}
		for i := 3; i < len(fields); i += 2 {
			if fields[i] != "times" {
				continue
			}
			v, err := strconv.ParseFloat(fields[i-1], 64)
			if err != nil {
				return out, fmt.Errorf("%s: %q: %w", path, line, err)
			}
			out.Rounds = append(out.Rounds, v)
		}
	}
	if len(out.Rounds) == 0 {
		return out, fmt.Errorf("%s has no run of %s", path, batchingBenchmark)
	}
	r.conclude(&out)
	return out, nil
}
