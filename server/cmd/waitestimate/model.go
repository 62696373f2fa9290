package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// model is how the people of a simulated service behave. The server is told none of it: what it knows it has
// to learn from what they do.
type model struct {
	name string
	// about says in a few words what is particular about it.
	about string
	// contacts is how many start a conversation in the month, by queue of the demonstration's catalogue, whose
	// opening hours they keep to.
	contacts map[string]int
	// calls is how many telephone calls the same professionals are asked to answer in the month.
	calls int
	staff []professional

	// handling draws how long a conversation takes, in minutes, of a professional of ordinary pace who has no
	// other: its mean is the queue's in handlingMean.
	handling     func(r *rand.Rand, mean float64) float64
	handlingMean map[string]float64
	// callMean is the mean length of a call with what is written down after it, in minutes.
	callMean float64
	// callFirst is how often a professional who could take either takes the call.
	callFirst float64
	// callMarked is how often somebody on the phone has set themself ON_PHONE.
	callMarked float64
	// reaction is the median time from when somebody could take the next until they do, in minutes. In
	// distracted of the cases something else comes first, which takes a few minutes.
	reaction, reactionSpread, distracted float64
	// patience is the mean time after which somebody who waits gives up, in minutes.
	patience float64
	// weekday and hour weigh when people come: the hours are counted from the opening.
	weekday [7]float64
	hour    []float64
	// unevenness is how much the days differ beyond that: the standard deviation of a day's factor.
	unevenness float64
}

// professional is somebody who answers.
type professional struct {
	queues []string
	// capacity is how many conversations the server lets them hold, and limit how many they take on in fact.
	capacity, limit int
	// pace is how long they take, compared with others.
	pace float64
	// from and to are their shift, in hours of the day.
	from, to float64
	// weekends tells that they work on Saturdays and Sundays too.
	weekends bool
}

const (
	oral   = "oral-health"
	child  = "child-health-clinic"
	mental = "mental-health"
	urgent = "emergency-help"
)

// logNormal draws handling times whose logarithms are normal, with a twentieth that take far longer.
func logNormal(r *rand.Rand, mean float64) float64 {
	const sigma = 0.55
	// 5 % take 2.2 times as long, which the mean includes.
	x := mean / 1.06 * math.Exp(sigma*r.NormFloat64()-sigma*sigma/2)
	if r.Float64() < 0.05 {
		x *= 2.2
	}
	return x
}

// gamma draws handling times that are a sum of two exponential ones: many short ones, and a longer tail.
func gamma(r *rand.Rand, mean float64) float64 { return mean / 2 * (r.ExpFloat64() + r.ExpFloat64()) }

// weibull draws handling times of shape 1.3.
func weibull(r *rand.Rand, mean float64) float64 {
	const shape = 1.3
	return mean / math.Gamma(1+1/shape) * math.Pow(r.ExpFloat64(), 1/shape)
}

// twoKinds draws handling times of two kinds of matters: quick questions, and others that take four times as long.
func twoKinds(r *rand.Rand, mean float64) float64 {
	x := 0.4 * mean
	if r.Float64() < 0.5 {
		x = 1.6 * mean
	}
	return x * math.Exp(0.3*r.NormFloat64()-0.045)
}

// ordinary is a service of three queues as counties tell of theirs: a conversation is taken after 5 to 10 minutes
// as a rule, by one of several professionals who are in the middle of something else.
func ordinary() model {
	return model{
		name:     "Ordinary month",
		about:    "five professionals in three queues, three calls for every conversation",
		contacts: map[string]int{oral: 450, child: 150, mental: 100},
		calls:    2100,
		staff: []professional{
			{queues: []string{oral, child, mental}, capacity: 5, limit: 3, pace: 0.9, from: 6.9, to: 14.5},
			{queues: []string{oral, child, mental}, capacity: 5, limit: 3, pace: 1.05, from: 7.95, to: 15.6},
			{queues: []string{oral, child}, capacity: 3, limit: 2, pace: 1, from: 8.25, to: 15},
			{queues: []string{oral, child, mental}, capacity: 4, limit: 3, pace: 1.15, from: 7.9, to: 15.5},
			{queues: []string{oral, child, mental}, capacity: 2, limit: 2, pace: 1, from: 10, to: 18.3},
		},
		handling:     logNormal,
		handlingMean: map[string]float64{oral: 14, child: 18, mental: 22, urgent: 12},
		callMean:     6, callFirst: 0.6, callMarked: 0.9,
		reaction: 8, reactionSpread: 0.33, distracted: 0.05, patience: 90,
		weekday: [7]float64{
			time.Monday: 1.5, time.Tuesday: 1.1, time.Wednesday: 0.95, time.Thursday: 0.9, time.Friday: 0.85,
			time.Saturday: 0.6, time.Sunday: 0.6,
		},
		hour:       []float64{6, 4, 3, 2.5, 2, 2, 1.7, 1.5, 1.2, 1.2, 1.1, 1, 1, 1, 0.9},
		unevenness: 0.3,
	}
}

// but returns a model that differs from an ordinary month.
func but(name, about string, change func(m *model)) model {
	m := ordinary()
	m.name, m.about = name, about
	change(&m)
	return m
}

// scenarios are the services that are compared.
func scenarios() []model {
	three := []string{oral, child, mental}
	return []model{
		ordinary(),
		but("Quiet month", "450 contacts, few calls, six professionals", func(m *model) {
			m.contacts = map[string]int{oral: 290, child: 100, mental: 60}
			m.calls = 700
			m.staff = append(m.staff, professional{queues: three, capacity: 3, limit: 2, pace: 1, from: 8, to: 15.5})
		}),
		but("Monday-morning rush", "800 contacts, a third of them on Mondays, most of those in the first hour", func(m *model) {
			m.contacts = map[string]int{oral: 520, child: 170, mental: 110}
			m.weekday[time.Monday] = 3
			m.hour = []float64{12, 9, 6, 4, 2, 1.5, 1.2, 1, 1, 0.8}
		}),
		but("One professional alone", "oral health only, three conversations at once at most", func(m *model) {
			m.contacts = map[string]int{oral: 450}
			m.calls = 300
			m.staff = []professional{{queues: []string{oral}, capacity: 5, limit: 3, pace: 0.9, from: 7.9, to: 15.6}}
			m.reaction = 3
		}),
		but("Staff leaving at 15", "of six in the mental health queue two stay until 18", func(m *model) {
			m.contacts = map[string]int{mental: 600}
			m.calls = 1800
			m.staff = nil
			for n := range 6 {
				p := professional{queues: []string{mental}, capacity: 4, limit: 2, pace: 0.9 + 0.05*float64(n), from: 6.9, to: 15}
				if n >= 4 {
					p.from, p.to = 10, 18.4
				}
				m.staff = append(m.staff, p)
			}
			m.handlingMean = map[string]float64{mental: 20}
			m.hour = []float64{1}
		}),
		but("Helpline", "ten calls for every chat: 766 chats and 8,743 calls, day and night", func(m *model) {
			m.contacts = map[string]int{urgent: 766}
			m.calls = 8743
			m.staff = nil
			for n := range 6 {
				p := professional{queues: []string{urgent}, capacity: 3, limit: 1 + n%2, pace: 0.9 + 0.05*float64(n), weekends: true}
				p.from = []float64{-1, 6, 6.5, 9, 13, 14.5}[n]
				p.to = p.from + 9.5
				m.staff = append(m.staff, p)
			}
			m.callMean = 5
			m.reaction = 3
			m.hour = []float64{1}
		}),
	}
}

// variations are an ordinary month in which people behave otherwise. The estimator was made with none of them.
func variations() []model {
	return []model{
		but("Gamma", "handling times of shape 2", func(m *model) { m.handling = gamma }),
		but("Weibull", "handling times of shape 1.3", func(m *model) { m.handling = weibull }),
		but("Two kinds of matters", "quick questions, and others four times as long", func(m *model) { m.handling = twoKinds }),
		but("Few calls", "a third as many", func(m *model) { m.calls = 700 }),
		but("Many calls", "twice as many", func(m *model) { m.calls = 4200 }),
		but("Calls not marked", "nobody on the phone says so", func(m *model) { m.callMarked = 0 }),
		but("Irregular", "when a free professional gets to it varies twice as much", func(m *model) { m.reactionSpread = 0.7 }),
		but("At once", "a free professional takes the next within half a minute", func(m *model) {
			m.reaction, m.reactionSpread = 0.5, 0.7
		}),
		but("Impatient", "people give up three times as soon", func(m *model) { m.patience = 30 }),
		but("Slow", "conversations take half as long again", func(m *model) {
			m.handlingMean = map[string]float64{oral: 21, child: 25, mental: 25}
		}),
	}
}
