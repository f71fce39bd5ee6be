// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/golang/protobuf/ptypes/empty"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/networkservicemesh/api/pkg/api/networkservice"
	registryapi "github.com/networkservicemesh/api/pkg/api/registry"

	"github.com/networkservicemesh/sdk/pkg/networkservice/common/updatepath"
	"github.com/networkservicemesh/sdk/pkg/networkservice/core/chain"
	"github.com/networkservicemesh/sdk/pkg/tools/matchutils"
)

const maxLineBytes = 1 << 20

// question is one line: what the sdk makes of it is answered in one line.
type question struct {
	Name       string            // for a path: of who is entered
	Connection json.RawMessage   // for a path
	Context    json.RawMessage   // for routes: an IPContext
	Labels     map[string]string // for a match: the client's
	Service    json.RawMessage   // for a match
	Endpoints  []json.RawMessage // for a match
}

func runOracle(_ context.Context, _ *settings) error {
	fmt.Println("ready oracle")
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, maxLineBytes), maxLineBytes)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		answer, err := asked.answer()
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		line, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return lines.Err()
}

func (q *question) answer() (interface{}, error) {
	switch {
	case q.Connection != nil:
		return q.path()
	case q.Context != nil:
		return q.routes()
	default:
		return q.match()
	}
}

// seen keeps the connection as it is once the server has entered the path. IDs made anew are
// random, so that the one who asks can only tell that they are others.
type seen struct {
	connection *networkservice.Connection
}

func (s *seen) Request(
	_ context.Context, request *networkservice.NetworkServiceRequest,
) (*networkservice.Connection, error) {
	s.connection = request.GetConnection().Clone()
	return request.GetConnection(), nil
}

func (s *seen) Close(context.Context, *networkservice.Connection) (*empty.Empty, error) {
	return &empty.Empty{}, nil
}

func (q *question) path() (interface{}, error) {
	connection := &networkservice.Connection{}
	if err := protojson.Unmarshal(q.Connection, connection); err != nil {
		return nil, err
	}
	inside := &seen{}
	server := chain.NewNetworkServiceServer(updatepath.NewServer(q.Name), inside)
	request := &networkservice.NetworkServiceRequest{Connection: connection}
	if _, err := server.Request(context.Background(), request); err != nil {
		return nil, err
	}
	answer, err := protojson.Marshal(inside.connection)
	return json.RawMessage(answer), err
}

func (q *question) routes() (interface{}, error) {
	told := &networkservice.IPContext{}
	if err := protojson.Unmarshal(q.Context, told); err != nil {
		return nil, err
	}
	client := append(told.GetDstIPRoutes(), told.GetSrcRoutesWithExplicitNextHop()...)
	endpoint := append(told.GetSrcIPRoutes(), told.GetDstRoutesWithExplicitNextHop()...)
	return map[string][][2]string{"client": pairs(client), "endpoint": pairs(endpoint)}, nil
}

func pairs(routes []*networkservice.Route) [][2]string {
	found := make([][2]string, 0, len(routes))
	for _, route := range routes {
		found = append(found, [2]string{route.GetPrefix(), route.GetNextHop()})
	}
	return found
}

func (q *question) match() (interface{}, error) {
	service := &registryapi.NetworkService{}
	if err := protojson.Unmarshal(q.Service, service); err != nil {
		return nil, err
	}
	endpoints := make([]*registryapi.NetworkServiceEndpoint, 0, len(q.Endpoints))
	for _, raw := range q.Endpoints {
		endpoint := &registryapi.NetworkServiceEndpoint{}
		if err := protojson.Unmarshal(raw, endpoint); err != nil {
			return nil, err
		}
		endpoints = append(endpoints, endpoint)
	}
	names := make([]string, 0, len(endpoints))
	for _, found := range matchutils.MatchEndpoint(q.Labels, service, endpoints...) {
		names = append(names, found.GetName())
	}
	return names, nil
}
