// SPDX-License-Identifier: Apache-2.0

// A Network Service Mesh for tests, made of its own sdk: registry, manager and a forwarder that
// passes everything through, each a process that can be killed and started again.
//
//	nsm registry  -listen tcp://127.0.0.1:0
//	nsm manager   -listen tcp://127.0.0.1:0 -registry URL
//	nsm forwarder -listen tcp://127.0.0.1:0 -manager URL
//	nsm oracle
//
// The last one says, line by line, what the sdk makes of paths, routes and rules. Once it serves it prints "ready <url>". It ends on SIGTERM, with 0.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
)

var parts = map[string]func(context.Context, *settings) error{
	"registry":  runRegistry,
	"manager":   runManager,
	"forwarder": runForwarder,
	"oracle":    runOracle,
}

func main() {
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: nsm registry|manager|forwarder|oracle [flags]")
		os.Exit(2)
	}
	s := parse(os.Args[1], os.Args[2:])
	logrus.SetOutput(os.Stderr)
	level, err := logrus.ParseLevel(s.logLevel)
	if err != nil {
		fail(err)
	}
	logrus.SetLevel(level)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := parts[os.Args[1]](ctx, s); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "nsm:", err)
	os.Exit(1)
}

func parse(part string, arguments []string) *settings {
	s := &settings{}
	flags := flag.NewFlagSet(part, flag.ExitOnError)
	flags.StringVar(&s.name, "name", part, "the name of this part in paths")
	flags.StringVar(&s.listen, "listen", "tcp://127.0.0.1:0", "where to serve")
	flags.StringVar(&s.registry, "registry", "", "the registry's URL, for a manager")
	flags.StringVar(&s.manager, "manager", "", "the manager's URL, for a forwarder")
	flags.StringVar(&s.certFile, "cert", "", "an X.509 SVID in PEM; without one nothing is encrypted")
	flags.StringVar(&s.keyFile, "key", "", "its key")
	flags.StringVar(&s.bundleFile, "bundle", "", "the authorities of its trust domain")
	flags.BoolVar(&s.policies, "policies", false, "have the sdk's policies check paths and tokens")
	flags.DurationVar(&s.tokenLife, "token-life", defaultTokenLife, "of the tokens made here")
	flags.DurationVar(&s.endpointLife, "endpoint-life", defaultEndpointLife, "of a registration")
	flags.DurationVar(&s.dialTimeout, "dial-timeout", defaultDialTimeout, "until a peer is given up")
	flags.StringVar(&s.logLevel, "log", "warning", "what is logged to stderr")
	_ = flags.Parse(arguments) // ends the process by itself
	return s
}
