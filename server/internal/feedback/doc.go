// Package feedback holds what is asked at the end of a conversation, which answers fit, and what may be told
// of many answers together.
//
// # Overview
//
//   - [Survey] is the questions; [Default] is the survey of a county that has written none.
//   - [Validate] tells everything that is wrong with one person's answers.
//   - [Summarize] counts the answers of many and hides what could point at a few.
//
// The model is that of the national feedback collection of the Finnish Institute for Health and Welfare
// (THL): a recommendation from 0 to 10, statements from 1 to 5 or "cannot say", and an open answer.
//
// # What is hidden
//
// A count of fewer than [MinCell] people is never told, and must not follow from what is told either.
//
//   - Fewer responses than that: nothing at all is told of the queue.
//   - Fewer scores than that to a question: neither their number nor their mean.
//   - A score given by fewer is left out, as is one that nobody gave: the two look the same. So do zero and
//     a few in every other count.
//
// Leaving a small cell out is not enough. The number of scores less the cells that are shown is how many are
// hidden; the mean gives the sum of what they said; the net promoter score gives how many more promoters than
// detractors are among them. Of ten scores with the mean 4.9 nine were 5 and one was 4, with no cell shown at all.
// Summarize therefore shows, of each question, the most of which it can prove that
//
//   - the hidden are none or at least MinCell together, and
//   - every score that was given by 1 to 4, and every one of detractors (0–6), passives (7–8) and promoters
//     (9–10) that has 1 to 4, could have another count while everything told stays the same.
//
// It begins with all of it, hides the smallest shown cell as long as the proof fails, then the mean of a
// recommendation, then the mean of a statement or the net promoter score. The proof is a change of at most two
// people's answers that nobody could see from what is told. There are tables that only a change of more people
// would blur; they show less than they could, never more. The tests hold what is told of every table of a few
// people against every other table that it could be told of.
//
// What this does not do: those who left a question out are not a cell, since they said nothing; that all said
// the same is told when they are at least MinCell; somebody who knows this rule and reasons about why a cell or
// a mean is missing learns more than somebody who takes it as missing; and two summaries over nearly the
// same days can be subtracted from each other, which only who hands out summaries can prevent.
//
// # Invariants
//
//   - The package is pure: no clock, no I/O, and nothing of ours is imported.
//   - No text that a person wrote, and nothing else they sent, is in a problem or a summary.
//
// # Concurrency
//
// Everything is a value. Nothing is changed by the functions of this package.
package feedback
