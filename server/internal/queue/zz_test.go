package queue
import ("testing";"fmt";"math/rand/v2";"time")
func TestZZ(t *testing.T) {
	for _, test := range []struct{ slots, shape, history, position int }{
		{2, 1, 100, 80}, {2,1,2000,80}, {2,1,2000,32}, {3,1,2000,4}, {3,1,100,4}, {1,1,100,1}, {4,3,30,60},{2,2,10,40},
	} {
			random := rand.New(rand.NewPCG(13, uint64(test.position)))
			var c coverage
			const mean = 10 * time.Minute
			for range 3000 {
				load := Load{Available: test.slots, Handling: sample(random, test.history, test.shape, mean)}
				ends := make([]slot, test.slots)
				for i := range ends {
					elapsed := time.Duration(random.Float64() * float64(mean))
					whole := elapsed
					for whole <= elapsed {
						whole = sample(random, 1, test.shape, mean)[0]
					}
					load.Active = append(load.Active, elapsed)
					ends[i] = slot{at: (whole - elapsed).Seconds()}
				}
				heapify(ends)
				wait := 0.0
				for range test.position {
					wait = ends[0].at
					ends[0].at += sample(random, 1, test.shape, mean)[0].Seconds()
					siftDown(ends, 0)
				}
				c.count(NewForecast(load, test.position, asOf), test.position, time.Duration(wait*float64(time.Second)))
			}
			fmt.Println(test, runs, &c)
	}
}
