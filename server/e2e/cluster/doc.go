// Package cluster runs what a county would: several servers on one PostgreSQL, each in a process of its own, with
// everything between them in reach. A server can be killed and drained, PostgreSQL restarted, its primary lost and its
// standby promoted, and what goes between one server and the database cut, kept away or held up.
package cluster
