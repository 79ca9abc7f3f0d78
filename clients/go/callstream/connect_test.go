package callstream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/callstream/callstream/clients/go/callstream"
	callstreamv1 "github.com/callstream/callstream/clients/go/callstream/v1"
)

// A weary gateway is UNAVAILABLE the first two times.
type weary struct {
	callstreamv1.UnimplementedStreamServiceServer
	calls         int
	authorization []string
}

func (w *weary) tire(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	w.authorization = md.Get("authorization")
	if w.calls++; w.calls < 3 {
		return status.Error(codes.Unavailable, "not yet")
	}
	return nil
}

func (w *weary) GetStream(
	ctx context.Context, _ *callstreamv1.GetStreamRequest,
) (*callstreamv1.GetStreamResponse, error) {
	return &callstreamv1.GetStreamResponse{}, w.tire(ctx)
}

func (w *weary) StartStream(
	ctx context.Context, _ *callstreamv1.StartStreamRequest,
) (*callstreamv1.StartStreamResponse, error) {
	return &callstreamv1.StartStreamResponse{}, w.tire(ctx)
}

// serveWeary runs a weary gateway, and returns it with its address.
func serveWeary(t *testing.T, opts ...grpc.ServerOption) (*weary, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &weary{}
	server := grpc.NewServer(opts...)
	callstreamv1.RegisterStreamServiceServer(server, w)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return w, listener.Addr().String()
}

// What is safe to repeat is repeated, and nothing else.
func TestConnectRepeatsWhatIsSafeToRepeat(t *testing.T) {
	t.Parallel()
	w, target := serveWeary(t)
	streams := callstreamv1.NewStreamServiceClient(connect(t, target))
	_, err := streams.StartStream(t.Context(), &callstreamv1.StartStreamRequest{})
	if status.Code(err) != codes.Unavailable || w.calls != 1 {
		t.Errorf("StartStream: %v after %d calls", err, w.calls)
	}
	w.calls = 0
	_, err = streams.GetStream(t.Context(), &callstreamv1.GetStreamRequest{})
	if err != nil || w.calls != 3 {
		t.Errorf("GetStream: %v after %d calls", err, w.calls)
	}
}

// The token goes out when there is one.
func TestWithTokenSendsTheToken(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{"secret": "Bearer secret", "": ""} {
		w, target := serveWeary(t)
		conn := connect(t, target, callstream.WithToken(token))
		_, err := callstreamv1.NewStreamServiceClient(conn).GetStream(t.Context(), &callstreamv1.GetStreamRequest{})
		if err != nil {
			t.Error(err)
		}
		if got := append(w.authorization, "")[0]; got != want {
			t.Errorf("sent %q for %q", got, token)
		}
	}
}

// A token that everybody could read is not sent.
func TestWithTokenNeedsEncryptionBeyondThisMachine(t *testing.T) {
	t.Parallel()
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	for _, target := range []string{"gateway.example.com:443", "127.0.0.1.example.com:443", "localhost.example.com:443"} {
		if _, err := callstream.Connect(target, plain, callstream.WithToken("secret")); err == nil {
			t.Errorf("would be sent to %s", target)
		}
	}
}

// A connection for which nothing was said is encrypted, and believes no certificate that the system does not.
func TestConnectIsEncryptedByDefault(t *testing.T) {
	t.Parallel()
	certificate, roots := certify(t)
	w, target := serveWeary(t, grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	for _, test := range []struct {
		opts []grpc.DialOption
		want codes.Code
	}{
		{nil, codes.Unavailable},
		{[]grpc.DialOption{grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, ""))}, codes.OK},
	} {
		conn, err := callstream.Connect(target, test.opts...)
		if err != nil {
			t.Fatal(err)
		}
		w.calls = 2
		_, err = callstreamv1.NewStreamServiceClient(conn).GetStream(t.Context(), &callstreamv1.GetStreamRequest{})
		if status.Code(err) != test.want {
			t.Errorf("%d options: %v", len(test.opts), err)
		}
		_ = conn.Close()
	}
}

// What gRPC refuses is refused at once.
func TestConnectRefusesWrongOptions(t *testing.T) {
	t.Parallel()
	if _, err := callstream.Connect("localhost:1", grpc.WithDefaultServiceConfig("{")); err == nil {
		t.Error("took a service config that is none")
	}
}

// certify makes a certificate for 127.0.0.1, and the pool that trusts it.
func certify(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
