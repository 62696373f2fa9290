// Package web serves the web client: the loader that host pages include, the chat page that opens in a frame on them,
// its themes, and nothing else.
//
// The client is built by "make web" into the folder dist, which is embedded. A server that was built without it says so
// at every address of the client.
//
// # Invariants
//
//   - What is served is read once, when the site is made. A path is looked up among what was read and never on the disk,
//     so no path leads out of the site.
//   - A page of the site runs scripts and takes styles of its own origin only, inline ones never, and talks to its own
//     origin only. See docs/adr/0010-web-client-in-kuplad.md.
//   - Only origins that are configured may frame the chat.
//   - Nothing about a person is in an address, a cookie or a log of this package: it sets none and writes none.
package web
