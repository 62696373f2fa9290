package main

import "time"

// clock is the server's clock; nil is time.Now. Only a build with the tag torture has another one: see
// clock_torture.go.
var clock func() time.Time
