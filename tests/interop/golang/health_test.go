package interop

import (
	"fmt"
	"net/url"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // balancers ask for it, once it is there
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// plain connects grpc-go without etcd's client.
func (r *room) plain(serviceConfig string) *grpc.ClientConn {
	r.Helper()
	trust := insecure.NewCredentials()
	if *caCert != "" {
		info := transport.TLSInfo{CertFile: *cert, KeyFile: *key, TrustedCAFile: *caCert}
		secure, err := info.ClientConfig()
		must(r.T, err)
		trust = credentials.NewTLS(secure)
	}
	server, err := url.Parse(*endpoint)
	must(r.T, err)
	connection, err := grpc.NewClient(server.Host,
		grpc.WithTransportCredentials(trust), grpc.WithDefaultServiceConfig(serviceConfig))
	must(r.T, err)
	r.Cleanup(func() { connection.Close() })
	return connection
}

func TestHealthAsGRPCsOwnClientAsksForIt(t *testing.T) {
	r := enter(t)
	client := healthpb.NewHealthClient(r.plain(`{}`))

	answer, err := client.Check(r.ctx, &healthpb.HealthCheckRequest{})
	must(t, err)
	equal(t, "the server", answer.Status, healthpb.HealthCheckResponse_SERVING)

	_, err = client.Check(r.ctx, &healthpb.HealthCheckRequest{Service: "etcdserverpb.KV"})
	equal(t, "a service", status.Code(err), codes.NotFound)
	equal(t, "a service", status.Convert(err).Message(), "unknown service")

	all, err := client.List(r.ctx, &healthpb.HealthListRequest{})
	must(t, err)
	equal(t, "all", len(all.Statuses), 1)
	equal(t, "the server", all.Statuses[""].GetStatus(), healthpb.HealthCheckResponse_SERVING)

	for service, want := range map[string]healthpb.HealthCheckResponse_ServingStatus{
		"":                healthpb.HealthCheckResponse_SERVING,
		"etcdserverpb.KV": healthpb.HealthCheckResponse_SERVICE_UNKNOWN,
	} {
		watch, err := client.Watch(r.ctx, &healthpb.HealthCheckRequest{Service: service})
		must(t, err)
		told, err := watch.Recv()
		must(t, err)
		equal(t, "watched "+service, told.Status, want)
	}
}

// A balancer that asks for health uses no server that says of itself that it is not well.
func TestAConnectionThatWatchesHealth(t *testing.T) {
	for service, want := range map[string]codes.Code{"": codes.OK, "etcdserverpb.KV": codes.Unavailable} {
		t.Run(fmt.Sprintf("service %q", service), func(t *testing.T) {
			r := enter(t)
			config := `{"loadBalancingConfig":[{"round_robin":{}}],"healthCheckConfig":{"serviceName":%q}}`
			kv := pb.NewKVClient(r.plain(fmt.Sprintf(config, service)))
			_, err := kv.Range(r.ctx, &pb.RangeRequest{Key: []byte(r.key("a"))})
			equal(t, "a call", status.Code(err), want)
		})
	}
}
