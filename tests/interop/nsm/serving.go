// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"net/url"

	"github.com/edwarnicke/grpcfd"
	"google.golang.org/grpc"
)

// bind opens the port first, so that a part knows its own URL before it is composed.
func (s *settings) bind() (net.Listener, *url.URL, error) {
	at, err := url.Parse(s.listen)
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen(at.Scheme, at.Host)
	if err != nil {
		return nil, nil, err
	}
	return listener, &url.URL{Scheme: at.Scheme, Host: listener.Addr().String()}, nil
}

func (i *identity) serve(
	ctx context.Context, listener net.Listener, register func(*grpc.Server), ready func() error,
) error {
	server := grpc.NewServer(grpc.Creds(grpcfd.TransportCredentials(i.server)))
	register(server)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	defer server.Stop()
	if ready != nil {
		if err := ready(); err != nil {
			return err
		}
	}
	fmt.Printf("ready %s://%s\n", listener.Addr().Network(), listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
