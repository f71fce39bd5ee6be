// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/url"

	"github.com/networkservicemesh/api/pkg/api/networkservice"
	registryapi "github.com/networkservicemesh/api/pkg/api/registry"

	"github.com/networkservicemesh/sdk/pkg/networkservice/chains/client"
	"github.com/networkservicemesh/sdk/pkg/networkservice/chains/endpoint"
	"github.com/networkservicemesh/sdk/pkg/networkservice/chains/nsmgr"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/authorize"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/connect"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/discover"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/roundrobin"
	registryclient "github.com/networkservicemesh/sdk/pkg/registry/chains/client"
	"github.com/networkservicemesh/sdk/pkg/registry/chains/memory"
	registryauthorize "github.com/networkservicemesh/sdk/pkg/registry/common/authorize"
)

const forwarderService = "forwarder"

// What the sdk's own programs check, by default, on requests and on registrations.
var (
	connectionPolicies = []string{"etc/nsm/opa/common/.*.rego", "etc/nsm/opa/server/.*.rego"}
	registryPolicies   = []string{
		"etc/nsm/opa/common/.*.rego", "etc/nsm/opa/registry/.*.rego", "etc/nsm/opa/server/.*.rego",
	}
)

func (s *settings) onRegistry() registryauthorize.Option {
	if !s.policies {
		return registryauthorize.Any()
	}
	return registryauthorize.WithPolicies(registryPolicies...)
}

func (s *settings) onConnections() networkservice.NetworkServiceServer {
	if !s.policies {
		return authorize.NewServer(authorize.Any())
	}
	return authorize.NewServer(authorize.WithPolicies(connectionPolicies...))
}

func runRegistry(ctx context.Context, s *settings) error {
	self, err := s.identity()
	if err != nil {
		return err
	}
	listener, _, err := s.bind()
	if err != nil {
		return err
	}
	chain := memory.NewServer(
		ctx, self.tokens,
		memory.WithDefaultExpiration(s.endpointLife),
		memory.WithDialOptions(self.dialOptions()...),
		memory.WithAuthorizeNSRegistryServer(
			registryauthorize.NewNetworkServiceRegistryServer(s.onRegistry())),
		memory.WithAuthorizeNSERegistryServer(
			registryauthorize.NewNetworkServiceEndpointRegistryServer(s.onRegistry())),
	)
	return self.serve(ctx, listener, chain.Register, nil)
}

func runManager(ctx context.Context, s *settings) error {
	self, err := s.identity()
	if err != nil {
		return err
	}
	registry, err := url.Parse(s.registry)
	if err != nil {
		return err
	}
	listener, at, err := s.bind()
	if err != nil {
		return err
	}
	manager := nsmgr.NewServer(
		ctx, self.tokens,
		nsmgr.WithName(s.name),
		nsmgr.WithURL(at.String()),
		nsmgr.WithRegistry(registry),
		nsmgr.WithDefaultExpiration(s.endpointLife),
		nsmgr.WithDialTimeout(s.dialTimeout),
		nsmgr.WithDialOptions(self.dialOptions()...),
		nsmgr.WithAuthorizeServer(s.onConnections()),
		nsmgr.WithAuthorizeNSRegistryServer(
			registryauthorize.NewNetworkServiceRegistryServer(s.onRegistry())),
		nsmgr.WithAuthorizeNSERegistryServer(
			registryauthorize.NewNetworkServiceEndpointRegistryServer(s.onRegistry())),
	)
	return self.serve(ctx, listener, manager.Register, nil)
}

func runForwarder(ctx context.Context, s *settings) error {
	self, err := s.identity()
	if err != nil {
		return err
	}
	manager, err := url.Parse(s.manager)
	if err != nil {
		return err
	}
	listener, at, err := s.bind()
	if err != nil {
		return err
	}
	dial := registryclient.WithDialOptions(self.dialOptions()...)
	endpoints := registryclient.NewNetworkServiceEndpointRegistryClient(
		ctx, dial, registryclient.WithClientURL(manager))
	services := registryclient.NewNetworkServiceRegistryClient(
		ctx, dial, registryclient.WithClientURL(manager))
	chain := endpoint.NewServer(
		ctx, self.tokens,
		endpoint.WithName(s.name),
		endpoint.WithAuthorizeServer(s.onConnections()),
		endpoint.WithAdditionalFunctionality(
			discover.NewServer(services, endpoints),
			roundrobin.NewServer(),
			connect.NewServer(client.NewClient(
				ctx,
				client.WithName(s.name),
				client.WithDialOptions(self.dialOptions()...),
				client.WithDialTimeout(s.dialTimeout),
				client.WithoutRefresh(),
			)),
		),
	)
	register := func() error {
		_, err := endpoints.Register(ctx, &registryapi.NetworkServiceEndpoint{
			Name:                s.name,
			NetworkServiceNames: []string{forwarderService},
			Url:                 at.String(),
			NetworkServiceLabels: map[string]*registryapi.NetworkServiceLabels{
				forwarderService: {Labels: map[string]string{"p2p": "true"}},
			},
		})
		return err
	}
	return self.serve(ctx, listener, chain.Register, register)
}
