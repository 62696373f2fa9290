// Command waitestimate measures how good the wait estimate is, and writes docs/wait_estimate.md and its chart.
//
// It plays months of simulated services through the very board that the server has: people come, wait and give up,
// professionals take them, answer the phone, have breaks and go home. What everybody is told on arrival is compared
// with how long they really wait, and with what the ways of other products would have told them. Everything is
// seeded, so that the same program always gives the same figures.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/demo"
)

const (
	// seeds is how many months are played of each service, with the seeds 1, 2 and so on.
	seeds = 3
	// days is how long a month is.
	days = 30
)

func main() {
	folder := flag.String("docs", "docs", "the `folder` to write wait_estimate.md and wait_estimate.svg into")
	check := flag.Bool("check", false, "write nothing, and fail unless the files are what would be written")
	flag.Parse()
	if err := run(*folder, *check); err != nil {
		fmt.Fprintln(os.Stderr, "waitestimate:", err)
		os.Exit(1)
	}
}

func run(folder string, check bool) error {
	months, err := newCalendar()
	if err != nil {
		return err
	}
	services, others := scenarios(), variations()
	all := months.play(append(services, others...))
	r := report{services: all[:len(services)], variations: all[len(services):]}
	return r.write(folder, check)
}

// write writes the report into a folder, or only checks that it is there as it would be written.
func (r *report) write(folder string, check bool) error {
	for name, content := range map[string][]byte{"wait_estimate.md": r.markdown(), "wait_estimate.svg": r.chart()} {
		path := filepath.Join(folder, name)
		if !check {
			if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // Documentation is for everybody.
				return err
			}
			continue
		}
		there, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(there, content) {
			// On amd64, that is: other processors may round the last bit of a product otherwise.
			return fmt.Errorf("%s is not what the estimate gives now on %s: run `make wait-estimate` on amd64, and look at what changes",
				path, runtime.GOARCH)
		}
	}
	return nil
}

// calendar is when and with which opening hours the simulated months are.
type calendar struct {
	book  *catalogue.Book
	start time.Time
}

func newCalendar() (calendar, error) {
	m, err := demo.Catalogue()
	if err != nil {
		return calendar{}, err
	}
	book, err := catalogue.Compile(m)
	if err != nil {
		return calendar{}, err
	}
	helsinki, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		return calendar{}, err
	}
	return calendar{book: book, start: time.Date(2026, time.September, 1, 0, 0, 0, 0, helsinki)}, nil
}

// outcome is what came of the months of a service.
type outcome struct {
	model   model
	answers []*answer
	figures
}

// play plays the months of services, as many at a time as there are cores to.
func (c calendar) play(models []model) []outcome {
	months := make([][seeds][]*answer, len(models))
	var wg sync.WaitGroup
	room := make(chan struct{}, 4)
	for i := range models {
		for seed := range seeds {
			wg.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				months[i][seed] = simulate(models[i], c.book, c.start, days, uint64(seed)+1)
			})
		}
	}
	wg.Wait()
	outcomes := make([]outcome, len(models))
	for i := range models {
		o := outcome{model: models[i]}
		for _, month := range months[i] {
			o.answers = append(o.answers, month...)
		}
		o.figures = measure(o.answers)
		outcomes[i] = o
	}
	return outcomes
}
