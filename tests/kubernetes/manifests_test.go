// Package kubernetes checks deploy/kubernetes without a cluster. Kustomize's own library builds the manifests, and every object
// goes through what the API server does when it is created: strict decoding, defaults, and the strategy of its resource, which
// validates it. The Pod Security Standards that the namespace enforces are checked by the admission plugin's own library.
package kubernetes

import (
	"os"
	"path/filepath"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	internalcore "k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const manifests = "../../deploy/kubernetes"

// The objects of the example, by kind and name.
type objects map[string]runtime.Object

// strategies are the API server's rules for creating an object of each kind.
var strategies = map[string]rest.RESTCreateStrategy{
	"ConfigMap":             configmap.Strategy,
	"CronJob":               cronjob.Strategy,
	"Namespace":             namespace.Strategy,
	"NetworkPolicy":         networkpolicy.Strategy,
	"PersistentVolumeClaim": persistentvolumeclaim.Strategy,
	"PodDisruptionBudget":   poddisruptionbudget.Strategy,
	"Secret":                secret.Strategy,
	"Service":               service.Strategy,
	"ServiceAccount":        serviceaccount.Strategy,
	"StatefulSet":           statefulset.Strategy,
}

var codecs = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)

func init() {
	if err := monitoring.AddToScheme(legacyscheme.Scheme); err != nil {
		panic(err)
	}
}

// build returns the objects that `kubectl apply -k example` would create, as JSON. The example gets the keys that it expects
// beside it and that are not in Git.
func build(t *testing.T) map[string][]byte {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(manifests)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"archive.key", "archive.pub"} {
		if err := os.WriteFile(filepath.Join(folder, "example", name), []byte("for a test\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kustomizer := krusty.MakeKustomizer(krusty.MakeDefaultOptions())
	resources, err := kustomizer.Run(filesys.MakeFsOnDisk(), filepath.Join(folder, "example"))
	if err != nil {
		t.Fatalf("kustomize cannot build the example: %v", err)
	}
	built := map[string][]byte{}
	for _, resource := range resources.Resources() {
		json, err := resource.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		built[resource.GetKind()+"/"+resource.GetName()] = json
	}
	return built
}

// decode refuses fields that the object does not have, or has twice.
func decode(t *testing.T, name string, json []byte) (runtime.Object, schema.GroupVersionKind) {
	t.Helper()
	object, kind, err := codecs.UniversalDeserializer().Decode(json, nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return object, *kind
}

// load returns the objects with the API server's defaults.
func load(t *testing.T) objects {
	t.Helper()
	loaded := objects{}
	for name, json := range build(t) {
		object, _ := decode(t, name, json)
		legacyscheme.Scheme.Default(object)
		loaded[name] = object
	}
	return loaded
}

func get[T runtime.Object](t *testing.T, all objects, name string) T {
	t.Helper()
	object, is := all[name].(T)
	if !is {
		t.Fatalf("there is no %s", name)
	}
	return object
}

func TestTheAPIServerWouldCreateEveryObject(t *testing.T) {
	built := build(t)
	if len(built) < 13 {
		t.Errorf("the example has only %d objects", len(built))
	}
	for name, json := range built {
		object, kind := decode(t, name, json)
		if kind.Group == monitoring.SchemeGroupVersion.Group {
			continue // Has no strategy: the API server validates it by the schema that these Go types generate.
		}
		legacyscheme.Scheme.Default(object)
		internal, err := legacyscheme.Scheme.ConvertToVersion(object, schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		strategy := strategies[kind.Kind]
		if strategy == nil {
			t.Fatalf("this test has no strategy for a %s", kind.Kind)
		}
		inNamespace := ""
		if strategy.NamespaceScoped() {
			inNamespace = "kivend"
		}
		context := request.WithNamespace(request.NewContext(), inNamespace)
		context = request.WithRequestInfo(context, &request.RequestInfo{APIGroup: kind.Group, APIVersion: kind.Version})
		if service, is := internal.(*internalcore.Service); is {
			service.Spec.ClusterIPs = []string{service.Spec.ClusterIP} // As the allocator of addresses does.
		}
		accessor, err := meta.Accessor(internal)
		if err != nil {
			t.Fatal(err)
		}
		rest.FillObjectMetaSystemFields(accessor)
		if err := rest.BeforeCreate(strategy, context, internal); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, warning := range strategy.WarningsOnCreate(context, internal) {
			t.Errorf("%s: %s", name, warning)
		}
	}
}
