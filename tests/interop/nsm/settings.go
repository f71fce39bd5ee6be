// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/edwarnicke/grpcfd"
	"github.com/golang-jwt/jwt/v4"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/networkservicemesh/sdk/pkg/tools/spiffejwt"
	"github.com/networkservicemesh/sdk/pkg/tools/token"
)

const (
	defaultTokenLife    = 10 * time.Minute
	defaultEndpointLife = time.Minute
	defaultDialTimeout  = 2 * time.Second
)

type settings struct {
	name, listen, registry, manager string
	certFile, keyFile, bundleFile   string
	policies                        bool
	tokenLife                       time.Duration
	endpointLife                    time.Duration
	dialTimeout                     time.Duration
	logLevel                        string
}

// identity is what a part proves itself with; without certificates nothing is proved.
type identity struct {
	server    credentials.TransportCredentials
	client    credentials.TransportCredentials
	tokens    token.GeneratorFunc
	encrypted bool
}

func (s *settings) identity() (*identity, error) {
	if s.certFile == "" {
		return &identity{
			server: insecure.NewCredentials(),
			client: insecure.NewCredentials(),
			tokens: unprovedTokens(s.tokenLife),
		}, nil
	}
	svid, err := x509svid.Load(s.certFile, s.keyFile)
	if err != nil {
		return nil, err
	}
	bundle, err := x509bundle.Load(spiffeid.RequireTrustDomainFromString(svid.ID.TrustDomain().Name()), s.bundleFile)
	if err != nil {
		return nil, err
	}
	anyone := tlsconfig.AuthorizeAny()
	return &identity{
		server:    credentials.NewTLS(tlsconfig.MTLSServerConfig(svid, bundle, anyone)),
		client:    credentials.NewTLS(tlsconfig.MTLSClientConfig(svid, bundle, anyone)),
		tokens:    spiffejwt.TokenGeneratorFunc(svid, s.tokenLife),
		encrypted: true,
	}, nil
}

// unprovedTokens are for where nobody could check a signature: they have the form of tokens.
func unprovedTokens(life time.Duration) token.GeneratorFunc {
	return func(credentials.AuthInfo) (string, time.Time, error) {
		end := time.Now().Add(life)
		claims := jwt.RegisteredClaims{
			Subject:   "spiffe://insecure/mesh",
			ExpiresAt: jwt.NewNumericDate(end),
		}
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("any"))
		return text, end, err
	}
}

func (i *identity) dialOptions() []grpc.DialOption {
	perCall := token.NewPerRPCCredentials(i.tokens)
	if !i.encrypted {
		perCall = &onPlainConnections{perCall}
	}
	return append([]grpc.DialOption{
		// grpcfd has a call's credentials know the peer, which the audience of a token is.
		grpc.WithTransportCredentials(grpcfd.TransportCredentials(i.client)),
		grpc.WithDefaultCallOptions(grpc.PerRPCCredentials(perCall)),
		grpcfd.WithChainStreamInterceptor(),
		grpcfd.WithChainUnaryInterceptor(),
	}, withPlainCredentials(i.encrypted)...)
}
