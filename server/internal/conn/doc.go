// Package conn is the connections that kuplad serves on: those of package net, made cheaper for what goes over them,
// which is many small frames of HTTP/2.
//
// # Writing
//
// net/http writes to the socket as soon as it has anything to write, and what else becomes ready in the meantime goes
// with the next write. A write that lets everything else that is ready go first takes along what that has to say:
// under load some ten frames instead of one, and nothing is kept waiting when there is nothing else to do.
//
// # Reading
//
// net/http reads the head of a frame and then the rest of it, each from the socket. Here one read takes what is there,
// into a buffer that is held only for as long as something is in it: a connection that is silent has none.
package conn
