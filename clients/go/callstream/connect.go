// Package callstream connects to a callstream gateway, and follows its events across every interruption. The stubs are
// in callstream/v1.
package callstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// serviceConfig repeats what may be repeated: what only asks, and what succeeds when it has been done already.
// StartStream and Dial are so only with an id that the caller made, PassCall is not, and Watch looks after itself.
const serviceConfig = `{"methodConfig": [{
  "name": [
    {"service": "callstream.v1.GatewayService"},
    {"service": "callstream.v1.CallService", "method": "AnswerCall"},
    {"service": "callstream.v1.CallService", "method": "EndCall"},
    {"service": "callstream.v1.CallService", "method": "GetCall"},
    {"service": "callstream.v1.CallService", "method": "ListCalls"},
    {"service": "callstream.v1.StreamService", "method": "StopStream"},
    {"service": "callstream.v1.StreamService", "method": "StopCallStreams"},
    {"service": "callstream.v1.StreamService", "method": "GetStream"},
    {"service": "callstream.v1.StreamService", "method": "ListStreams"},
    {"service": "callstream.v1.StreamService", "method": "WaitStream"},
    {"service": "callstream.v1.StreamService", "method": "ListEvents"}
  ],
  "retryPolicy": {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]
  }
}]}`

// A Client is a connection to the gateway, for the stubs of callstream/v1 and for Watch. It can be used by many goroutines
// at the same time.
type Client struct {
	*grpc.ClientConn
	dial func() (*grpc.ClientConn, error)

	mu     sync.Mutex
	fresh  *grpc.ClientConn // what watches use in place of a connection that fell silent
	closed bool
}

// Connect returns a client of the gateway at target ("host:port", or any name that gRPC resolves). Like grpc.NewClient it
// returns at once, and connects when it is used.
//
// Calls that are safe to repeat are repeated while the gateway is UNAVAILABLE. The connection is encrypted, and trusts
// the system's certificates, unless opts have other transport credentials.
func Connect(target string, opts ...grpc.DialOption) (*Client, error) {
	reconnect := backoff.DefaultConfig
	reconnect.BaseDelay = 100 * time.Millisecond
	reconnect.MaxDelay = 2 * time.Second // gRPC's own is two minutes: a watch would learn too late that the gateway is back
	opts = append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 10 * time.Second}),
		grpc.WithDefaultServiceConfig(serviceConfig),
		// gRPC's own 64 KiB hold up the gateway's watch at every large event, so that compaction could overtake it.
		grpc.WithInitialWindowSize(1 << 20),
		grpc.WithInitialConnWindowSize(1 << 20),
	}, opts...)
	for i, opt := range opts {
		if t, ok := opt.(tokenOption); ok {
			opts[i] = grpc.WithPerRPCCredentials(bearer{t.token, isLocal(target)})
		}
	}
	dial := func() (*grpc.ClientConn, error) { return grpc.NewClient(target, opts...) }
	conn, err := dial()
	if err != nil {
		return nil, err
	}
	return &Client{ClientConn: conn, dial: dial}, nil
}

// Close ends the connection, and everything that is under way on it.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.fresh != nil {
		_ = c.fresh.Close() // fails only if it is closed already
	}
	return c.ClientConn.Close()
}

// watchable returns what to open a watch on.
func (c *Client) watchable() *grpc.ClientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.fresh, c.ClientConn)
}

// leave has watches use another connection, as this one is silent: gRPC itself would go on with it until its pings fail.
// Only watches are on a fresh one, so it is closed when it is left, and they all follow.
func (c *Client) leave(silent *grpc.ClientConn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || silent != cmp.Or(c.fresh, c.ClientConn) {
		return nil // nothing to do, or another watch has done it
	}
	fresh, err := c.dial()
	if err != nil {
		return err
	}
	if c.fresh != nil {
		_ = c.fresh.Close()
	}
	c.fresh = fresh
	return nil
}

func (c *Client) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed
}

// WithToken sends the token with every call, as "authorization: Bearer …". An empty token sends nothing. Connect refuses
// to send one unencrypted (because its opts said so) to anything but this machine. It is an option of Connect only.
func WithToken(token string) grpc.DialOption {
	if token == "" {
		return grpc.EmptyDialOption{}
	}
	return tokenOption{token: token}
}

// tokenOption is resolved by Connect, which knows the target.
type tokenOption struct {
	grpc.EmptyDialOption
	token string
}

type bearer struct {
	token string
	local bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return !b.local }

// isLocal says whether a target is on this machine for sure.
func isLocal(target string) bool {
	if strings.HasPrefix(target, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(strings.TrimPrefix(target, "passthrough:///"))
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
