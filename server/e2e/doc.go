// Package e2e tests the programs as they are run: kuplad in its own process, killed and started again, with
// real clients over loopback.
package e2e
