package kubernetes

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	security "k8s.io/pod-security-admission/api"
	standards "k8s.io/pod-security-admission/policy"
)

func statefulSet(t *testing.T, all objects) *apps.StatefulSet {
	return get[*apps.StatefulSet](t, all, "StatefulSet/kivend-archiver")
}

func cronJobs(t *testing.T, all objects) []*batch.CronJob {
	return []*batch.CronJob{
		get[*batch.CronJob](t, all, "CronJob/kivend-verify-daily"),
		get[*batch.CronJob](t, all, "CronJob/kivend-verify-full"),
	}
}

// templates returns the pods of the example, by the name of what makes them.
func templates(t *testing.T, all objects) map[string]core.PodTemplateSpec {
	pods := map[string]core.PodTemplateSpec{"kivend-archiver": statefulSet(t, all).Spec.Template}
	for _, job := range cronJobs(t, all) {
		pods[job.Name] = job.Spec.JobTemplate.Spec.Template
	}
	return pods
}

func variable(container core.Container, name string) *core.EnvVar {
	for i, variable := range container.Env {
		if variable.Name == name {
			return &container.Env[i]
		}
	}
	return &core.EnvVar{}
}

func selects(t *testing.T, selector *meta.LabelSelector, pod core.PodTemplateSpec) bool {
	t.Helper()
	parsed, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Matches(labels.Set(pod.Labels))
}

func TestEveryPodMeetsTheStandardThatItsNamespaceEnforces(t *testing.T) {
	all := load(t)
	level := get[*core.Namespace](t, all, "Namespace/kivend").Labels["pod-security.kubernetes.io/enforce"]
	if level != string(security.LevelRestricted) {
		t.Errorf("the namespace enforces %q", level)
	}
	evaluator, err := standards.NewEvaluator(standards.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	restricted := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	for name, pod := range templates(t, all) {
		for _, check := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
			if !check.Allowed {
				t.Errorf("%s: %s: %s", name, check.ForbiddenReason, check.ForbiddenDetail)
			}
		}
	}
}

func TestNoPodCanWriteToItsImageTalkToTheAPIServerOrTakeServicesForSettings(t *testing.T) {
	for name, pod := range templates(t, load(t)) {
		for _, container := range pod.Spec.Containers {
			if readOnly := container.SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
				t.Errorf("%s can write to its root file system", name)
			}
			if container.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s has no limit of memory", name)
			}
		}
		if token := pod.Spec.AutomountServiceAccountToken; token == nil || *token {
			t.Errorf("%s gets a token of the API server", name)
		}
		if links := pod.Spec.EnableServiceLinks; links == nil || *links {
			t.Errorf("%s gets the variables of Services, which look like settings", name)
		}
	}
}

func TestOnlyTheArchiverHasTheSigningKey(t *testing.T) {
	for name, pod := range templates(t, load(t)) {
		has := slices.ContainsFunc(pod.Spec.Volumes, func(volume core.Volume) bool {
			return volume.Secret != nil && regexp.MustCompile(`^kivend-signing-key-`).MatchString(volume.Secret.SecretName)
		})
		if is := name == "kivend-archiver"; has != is {
			t.Errorf("%s has the signing key: %v", name, has)
		}
		account := pod.Spec.ServiceAccountName
		if want := map[bool]string{true: "kivend-archiver", false: "kivend-verifier"}[name == "kivend-archiver"]; account != want {
			t.Errorf("%s runs as %s", name, account)
		}
	}
}

func TestAPodsNameIsItsStaticMembershipInTheGroup(t *testing.T) {
	container := statefulSet(t, load(t)).Spec.Template.Spec.Containers[0]
	from := variable(container, "KIVEND_ARCHIVE__INSTANCE_ID").ValueFrom
	if from == nil || from.FieldRef == nil || from.FieldRef.FieldPath != "metadata.name" {
		t.Errorf("the group instance id is %v", from)
	}
}

func TestAnArchiverHasMoreTimeToStopThanItTakes(t *testing.T) {
	settings, err := os.ReadFile("../../config/kivend.toml")
	if err != nil {
		t.Fatal(err)
	}
	setting := regexp.MustCompile(`(?m)^shutdown_timeout = "(\S+)"`).FindSubmatch(settings)
	if setting == nil {
		t.Fatal("config/kivend.toml has no shutdown_timeout")
	}
	timeout, err := time.ParseDuration(string(setting[1]))
	if err != nil {
		t.Fatal(err)
	}
	grace := statefulSet(t, load(t)).Spec.Template.Spec.TerminationGracePeriodSeconds
	if given := time.Duration(*grace) * time.Second; given < timeout+10*time.Second {
		t.Errorf("a pod is killed after %s, and the archiver stops within %s", given, timeout)
	}
}

func TestSelectorsFindTheArchivers(t *testing.T) {
	all := load(t)
	pods := templates(t, all)
	archiver := pods["kivend-archiver"]
	service := get[*core.Service](t, all, "Service/kivend-archiver")
	monitor := get[*monitoring.ServiceMonitor](t, all, "ServiceMonitor/kivend-archiver")
	budget := get[*policy.PodDisruptionBudget](t, all, "PodDisruptionBudget/kivend-archiver")
	for what, selector := range map[string]*meta.LabelSelector{
		"service": {MatchLabels: service.Spec.Selector},
		"budget":  budget.Spec.Selector,
		"set":     statefulSet(t, all).Spec.Selector,
	} {
		if !selects(t, selector, archiver) {
			t.Errorf("the %s does not select the archivers", what)
		}
		if selects(t, selector, pods["kivend-verify-daily"]) {
			t.Errorf("the %s selects verifiers", what)
		}
	}
	if !selects(t, &monitor.Spec.Selector, core.PodTemplateSpec{ObjectMeta: service.ObjectMeta}) {
		t.Error("the monitor does not select the service")
	}
	port := monitor.Spec.Endpoints[0].Port
	if port != service.Spec.Ports[0].Name || archiver.Spec.Containers[0].Ports[0].Name != service.Spec.Ports[0].TargetPort.StrVal {
		t.Errorf("the monitor's port %q does not lead to the container's", port)
	}
}

func TestTheNetworkPolicyIsForEveryPod(t *testing.T) {
	all := load(t)
	limits := get[*networking.NetworkPolicy](t, all, "NetworkPolicy/kivend")
	for name, pod := range templates(t, all) {
		if !selects(t, &limits.Spec.PodSelector, pod) {
			t.Errorf("the policy does not select %s", name)
		}
	}
	if len(limits.Spec.PolicyTypes) != 2 {
		t.Errorf("the policy is for %v", limits.Spec.PolicyTypes)
	}
}

func TestEveryShardOfAFullVerificationHasAPod(t *testing.T) {
	job := get[*batch.CronJob](t, load(t), "CronJob/kivend-verify-full").Spec.JobTemplate.Spec
	shards := variable(job.Template.Spec.Containers[0], "SHARDS").Value
	if *job.CompletionMode != batch.IndexedCompletion || strconv.Itoa(int(*job.Completions)) != shards {
		t.Errorf("%d pods verify %s shards", *job.Completions, shards)
	}
}

// The exit codes of `kivend verify` are its verdicts, and trying again would only repeat them.
func TestVerdictsAreNotTriedAgain(t *testing.T) {
	for _, job := range cronJobs(t, load(t)) {
		codes := []int32{}
		for _, rule := range job.Spec.JobTemplate.Spec.PodFailurePolicy.Rules {
			codes = append(codes, rule.OnExitCodes.Values...)
		}
		for _, verdict := range []int32{10, 11, 12} {
			if !slices.Contains(codes, verdict) {
				t.Errorf("%s tries again after the exit code %d", job.Name, verdict)
			}
		}
	}
}
