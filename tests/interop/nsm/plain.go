// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// onPlainConnections lets tokens go over connections that are not encrypted.
type onPlainConnections struct {
	credentials.PerRPCCredentials
}

func (*onPlainConnections) RequireTransportSecurity() bool {
	return false
}

// withPlainCredentials does the same for the credentials that grpcfd puts around those of a call.
func withPlainCredentials(encrypted bool) []grpc.DialOption {
	if encrypted {
		return nil
	}
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(
			ctx context.Context, method string, request, reply interface{},
			conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
		) error {
			return invoke(ctx, method, request, reply, conn, plain(options)...)
		}),
		grpc.WithChainStreamInterceptor(func(
			ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn,
			method string, open grpc.Streamer, options ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			return open(ctx, description, conn, method, plain(options)...)
		}),
	}
}

func plain(options []grpc.CallOption) []grpc.CallOption {
	for i := len(options) - 1; i >= 0; i-- {
		if call, ok := options[i].(grpc.PerRPCCredsCallOption); ok {
			return append(options, grpc.PerRPCCredentials(&onPlainConnections{call.Creds}))
		}
	}
	return options
}
