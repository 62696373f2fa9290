// Package torture holds the server to its promises while everything around it breaks.
//
// Customers and professionals talk, through the Go SDK and the generated clients, with a real server in its own
// process. Meanwhile the server is killed, stopped and frozen, its disk fills up, its clock is stepped, tokens are
// revoked, and every connection is cut, silenced, stalled or robbed of answers; requests are repeated, doubled and
// reordered; people leave, vanish and come back. In the end package history judges what everybody saw against what
// is stored, whole.
//
// All choices come from one seed, which the report names. What happens at the same time still depends on the
// machine, so a seed repeats the kind of run, not each of its steps.
package torture
