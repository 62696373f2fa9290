package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is how long the server may take to say how it is.
const healthTimeout = 2 * time.Second

func healthCommand() *cobra.Command {
	var configPath string
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask the server of this machine whether it is ready for calls",
		Long: "Ask the server of this machine whether it is ready for calls, as a load balancer does: at /health/ready of the\n" +
			"address that the configuration names. It ends with 0 when it is, and with 1 when it is not. For containers, in\n" +
			"which there is no other program to ask with.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l := readLayers(configPath, os.Environ(), cmd.Flags())
			if err := l.err(); err != nil {
				return err
			}
			return askHealth(cmd.Context(), l.settings)
		},
	}
	c.Flags().StringVar(&configPath, "config", "", "configuration file (YAML)")
	c.Flags().String("listen", "", "address that it serves on (default "+defaultSettings().Listen+")")
	return c
}

// askHealth asks the server with these settings on this machine.
func askHealth(ctx context.Context, s settings) error {
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return &usageError{fmt.Errorf("listen: %w", err)}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // It listens everywhere, here too.
	}
	scheme := "http"
	transport := &http.Transport{Proxy: nil}
	if s.TLSCertificate != "" {
		scheme = "https"
		// The certificate is for the service's name, and this is the server's own machine.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // See above: nothing secret is sent or learnt.
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url := scheme + "://" + net.JoinHostPort(host, port) + "/health/ready"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("the server does not answer: %w", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server is not ready: %s", response.Status)
	}
	return nil
}
