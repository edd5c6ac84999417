// A controller's tests as a project writes them: envtest starts etcd and the API server that
// TEST_ASSET_ETCD and TEST_ASSET_KUBE_APISERVER name, a manager runs a reconciler, all is stopped.
package envtest_test

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const longest = 60 * time.Second

// copier makes a ConfigMap "copy-of-X" for each ConfigMap X that asks for one.
type copier struct{ client.Client }

func (c copier) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var source corev1.ConfigMap
	if err := c.Get(ctx, request.NamespacedName, &source); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if source.Labels["copy"] != "wanted" {
		return reconcile.Result{}, nil
	}
	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: "copy-of-" + source.Name, Namespace: source.Namespace,
	}}
	_, err := ctrl.CreateOrUpdate(ctx, c.Client, made, func() error {
		made.Data = source.Data
		return nil
	})
	return reconcile.Result{}, err
}

func TestAReconcilerWorks(t *testing.T) {
	log.SetLogger(zap.New(zap.UseDevMode(true)))
	environment := &envtest.Environment{
		ControlPlaneStartTimeout: 3 * longest,
		ControlPlaneStopTimeout:  2 * longest,
	}
	began := time.Now()
	config, err := environment.Start()
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Logf("control plane up in %.1f s", time.Since(began).Seconds())
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			if err := environment.Stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
	}
	defer stop()

	manager, err := ctrl.NewManager(config, ctrl.Options{
		Metrics: server.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatalf("manager: %v", err)
	}
	err = ctrl.NewControllerManagedBy(manager).
		For(&corev1.ConfigMap{}).
		Complete(copier{manager.GetClient()})
	if err != nil {
		t.Fatalf("controller: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()

	direct, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatalf("client: %v", err)
	}
	source := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: "a", Namespace: "default", Labels: map[string]string{"copy": "wanted"},
		},
		Data: map[string]string{"colour": "red"},
	}
	if err := direct.Create(ctx, source); err != nil {
		t.Fatalf("create: %v", err)
	}
	waitForCopy(ctx, t, direct, "red")
	source.Data["colour"] = "blue"
	if err := direct.Update(ctx, source); err != nil {
		t.Fatalf("update: %v", err)
	}
	waitForCopy(ctx, t, direct, "blue")

	cancel()
	if err := <-ended; err != nil {
		t.Errorf("manager: %v", err)
	}
	stop()
}

func waitForCopy(ctx context.Context, t *testing.T, from client.Client, colour string) {
	t.Helper()
	name := types.NamespacedName{Namespace: "default", Name: "copy-of-a"}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, longest, true,
		func(ctx context.Context) (bool, error) {
			var found corev1.ConfigMap
			if err := from.Get(ctx, name, &found); apierrors.IsNotFound(err) {
				return false, nil
			} else if err != nil {
				return false, err
			}
			return found.Data["colour"] == colour, nil
		})
	if err != nil {
		t.Fatalf("no copy that is %s: %v", colour, err)
	}
}
