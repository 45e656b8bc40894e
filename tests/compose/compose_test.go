// Package compose checks docker-compose.yml and deploy/docker without a container engine, because not every machine has
// one. Docker Compose's own library checks the file against the schema of the specification; the tests check what the rest
// of the project relies on. They start nothing and skip nothing. The script `run` beside them starts everything.
package compose

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const top = "../../"

var (
	brokers    = []string{"kafka-1", "kafka-2", "kafka-3"}
	oneShots   = []string{"bucket", "topics"}
	monitoring = []string{"grafana", "kafka-exporter", "prometheus"}
)

// load returns all services. It fails the test if the file breaks the schema or refers to a service that does not exist.
func load(t *testing.T, environment ...string) *types.Project {
	t.Helper()
	return loadWith(t, cli.WithEnv(environment), cli.WithProfiles([]string{"monitoring"}))
}

func loadWith(t *testing.T, choices ...cli.ProjectOptionsFn) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{top + "docker-compose.yml"}, choices...)
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatalf("docker-compose.yml breaks the compose specification: %v", err)
	}
	return project
}

func read(t *testing.T, path string) string {
	t.Helper()
	bytes, err := os.ReadFile(top + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes)
}

// find returns what the first group of the pattern matches in a file of the project.
func find(t *testing.T, path, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(read(t, path))
	if found == nil {
		t.Fatalf("%s does not match %s", path, pattern)
	}
	return found[1]
}

// setting returns an environment variable of a service, or "" when it has none.
func setting(service types.ServiceConfig, name string) string {
	if value := service.Environment[name]; value != nil {
		return *value
	}
	return ""
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %q, want %q", what, got, want)
	}
}

func TestTheFileFollowsTheSpecificationAndHoldsTheWholePipeline(t *testing.T) {
	pipeline := slices.Concat([]string{"archiver", "minio"}, brokers, oneShots)
	for _, loaded := range []struct {
		project *types.Project
		want    []string
	}{
		{loadWith(t), pipeline},
		{load(t), slices.Concat(pipeline, monitoring)},
	} {
		got := loaded.project.ServiceNames()
		slices.Sort(got)
		if slices.Sort(loaded.want); !slices.Equal(got, loaded.want) {
			t.Errorf("services are %v, want %v", got, loaded.want)
		}
	}
}

func TestThreeBrokersFormOneClusterThatSurvivesTheLossOfAny(t *testing.T) {
	project := load(t)
	voters := "1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093"
	for i, name := range brokers {
		broker := project.Services[name]
		host := fmt.Sprintf("localhost:%d", 9092+i)
		for variable, want := range map[string]string{
			"CLUSTER_ID":                       setting(project.Services["kafka-1"], "CLUSTER_ID"),
			"KAFKA_NODE_ID":                    fmt.Sprint(i + 1),
			"KAFKA_CONTROLLER_QUORUM_VOTERS":   voters,
			"KAFKA_ADVERTISED_LISTENERS":       fmt.Sprintf("HOST://%s,CLIENT://%s:19092", host, name),
			"KAFKA_INTER_BROKER_LISTENER_NAME": "CLIENT",
		} {
			expect(t, name+" "+variable, setting(broker, variable), want)
		}
	}
	if id := setting(project.Services["kafka-1"], "CLUSTER_ID"); !regexp.MustCompile(`^[\w-]{21}[AQgw]$`).MatchString(id) {
		t.Errorf("CLUSTER_ID %q is not 16 bytes in unpadded base64", id)
	}
}

// The containers must be as durable as the servers of deploy/local/cluster.
func TestBrokersHaveTheDurabilitySettingsOfTheLocalCluster(t *testing.T) {
	project := load(t)
	shared := regexp.MustCompile(`(?m)^([a-z.]+(?:replication\.factor|replicas|isr|enable|delay\.ms))=(.+)$`)
	rules := shared.FindAllStringSubmatch(read(t, "deploy/local/broker.properties"), -1)
	if len(rules) < 8 {
		t.Fatalf("deploy/local/broker.properties states only %d rules", len(rules))
	}
	for _, rule := range rules {
		if rule[1] == "log.segment.delete.delay.ms" {
			continue // Saves disk space on a developer's machine and does not affect durability.
		}
		variable := "KAFKA_" + strings.ToUpper(strings.ReplaceAll(rule[1], ".", "_"))
		for _, name := range brokers {
			expect(t, name+" "+variable, setting(project.Services[name], variable), rule[2])
		}
	}
}

func TestBothWaysStartTheSameVersions(t *testing.T) {
	project := load(t)
	kafka := find(t, "deploy/local/kafka.pom.xml", `<kafka\.version>(.+)</kafka\.version>`)
	for _, name := range brokers {
		expect(t, name, project.Services[name].Image, "apache/kafka:"+kafka)
	}
	minio := find(t, "deploy/local/servers.sh", `(RELEASE\.[0-9TZ-]+)`)
	for _, name := range []string{"minio", "bucket"} {
		expect(t, name, project.Services[name].Image, "minio/minio:"+minio)
	}
	committed, err := time.Parse("20060102", find(t, "deploy/local/servers.sh", `MINIO_VERSION=v0\.0\.0-(\d{8})`))
	if err != nil {
		t.Fatal(err)
	}
	if day := "RELEASE." + committed.Format(time.DateOnly); !strings.HasPrefix(minio, day) {
		t.Errorf("MinIO's commit is of %s, but its release is %s", day, minio)
	}
}

func TestEveryImageIsPinned(t *testing.T) {
	images := []string{}
	for _, service := range load(t).Services {
		images = append(images, service.Image)
	}
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(read(t, "deploy/docker/Dockerfile"), -1) {
		if image := from[1]; image != "scratch" && image != "${BINARIES}" {
			images = append(images, image)
		}
	}
	for _, image := range images {
		_, tag, found := strings.Cut(image, ":")
		if !found || tag == "latest" || tag == "" {
			t.Errorf("%s names no version", image)
		}
	}
}

func TestEveryServerIsRestartedAndHasAHealthCheck(t *testing.T) {
	for name, service := range load(t).Services {
		if slices.Contains(oneShots, name) {
			expect(t, name+"'s restart policy", service.Restart, types.RestartPolicyOnFailure)
			continue
		}
		expect(t, name+"'s restart policy", service.Restart, types.RestartPolicyUnlessStopped)
		if check := service.HealthCheck; check == nil || len(check.Test) < 2 || check.Interval == nil || check.Timeout == nil {
			t.Errorf("%s has no health check with interval and timeout", name)
		}
	}
}

func TestDataIsInNamedVolumes(t *testing.T) {
	project := load(t)
	folders := map[string]string{
		"kafka-1": "/var/lib/kafka/data", "kafka-2": "/var/lib/kafka/data", "kafka-3": "/var/lib/kafka/data",
		"minio": "/data", "archiver": "/var/lib/kivend", "prometheus": "/prometheus",
	}
	owners := map[string]string{}
	for name, folder := range folders {
		volumes := slices.DeleteFunc(project.Services[name].Volumes, func(volume types.ServiceVolumeConfig) bool {
			return volume.ReadOnly // Settings from this checkout.
		})
		if len(volumes) != 1 || volumes[0].Type != types.VolumeTypeVolume || volumes[0].Target != folder {
			t.Errorf("%s mounts %v, want one named volume at %s", name, volumes, folder)
			continue
		}
		source := volumes[0].Source
		if _, declared := project.Volumes[source]; !declared || owners[source] != "" {
			t.Errorf("%s's volume %q is not declared, or also %s's", name, source, owners[source])
		}
		owners[source] = name
	}
	for _, name := range brokers {
		expect(t, name+" KAFKA_LOG_DIRS", setting(project.Services[name], "KAFKA_LOG_DIRS"), folders[name])
	}
	key := setting(project.Services["archiver"], "KIVEND_ARCHIVE__KEY_FILE")
	if !strings.HasPrefix(key, folders["archiver"]+"/") {
		t.Errorf("the signing key %q would be lost with its container", key)
	}
}

func TestPortsAreThoseOfTheDefaultsAndOnlyOnTheLoopbackAddress(t *testing.T) {
	project := load(t)
	for name, want := range map[string]string{
		"kafka-1": "9092", "kafka-2": "9093", "kafka-3": "9094", "minio": "9000", "archiver": "9464",
		"prometheus": "9090", "grafana": "3000",
	} {
		ports := project.Services[name].Ports
		if len(ports) != 1 || ports[0].Published != want {
			t.Errorf("%s publishes %v, want %s", name, ports, want)
		}
	}
	for name, service := range project.Services {
		for _, port := range service.Ports {
			expect(t, name+"'s address on the host", port.HostIP, "127.0.0.1")
		}
	}
}

func TestTheArchiverWaitsForBrokersTopicsAndBucket(t *testing.T) {
	project := load(t)
	archiver := project.Services["archiver"]
	for _, name := range oneShots {
		expect(t, "archiver's wait for "+name, archiver.DependsOn[name].Condition, types.ServiceConditionCompletedSuccessfully)
	}
	for _, name := range brokers {
		expect(t, "topics' wait for "+name, project.Services["topics"].DependsOn[name].Condition, types.ServiceConditionHealthy)
		if !strings.Contains(setting(archiver, "KIVEND_KAFKA__BROKERS"), name+":19092") {
			t.Errorf("the archiver does not know %s", name)
		}
	}
	expect(t, "bucket's wait for minio", project.Services["bucket"].DependsOn["minio"].Condition, types.ServiceConditionHealthy)
}

func TestCredentialsAreThoseOfTheEnvironmentWhereItHasThem(t *testing.T) {
	project := load(t, "MINIO_ROOT_USER=somebody", "MINIO_ROOT_PASSWORD=a-secret")
	expect(t, "minio's user", setting(project.Services["minio"], "MINIO_ROOT_USER"), "somebody")
	expect(t, "bucket's client", setting(project.Services["bucket"], "MC_HOST_audit"), "http://somebody:a-secret@minio:9000")
	for _, name := range []string{"archiver", "topics"} {
		expect(t, name+"'s key", setting(project.Services[name], "AWS_ACCESS_KEY_ID"), "somebody")
		expect(t, name+"'s secret", setting(project.Services[name], "AWS_SECRET_ACCESS_KEY"), "a-secret")
	}
}

func TestTheImageIsBuiltFromThisCheckoutAndDoesNotRunAsRoot(t *testing.T) {
	for _, name := range []string{"archiver", "topics"} {
		build := load(t).Services[name].Build
		if build == nil || build.Dockerfile != "deploy/docker/Dockerfile" {
			t.Errorf("%s is built from %v", name, build)
		}
	}
	dockerfile := read(t, "deploy/docker/Dockerfile")
	last := dockerfile[strings.LastIndex(dockerfile, "\nFROM "):]
	user := regexp.MustCompile(`(?m)^USER (\S+)$`).FindStringSubmatch(last)
	if user == nil || user[1] == "root" || user[1] == "0" {
		t.Errorf("the image runs as root: USER is %v", user)
	}
	rust := find(t, "Cargo.toml", `(?m)^rust-version = "(.+)"`)
	compiler := find(t, "deploy/docker/Dockerfile", `FROM rust:([\d.]+)-`)
	if !strings.HasPrefix(compiler, rust) {
		t.Errorf("the image compiles with Rust %s, Cargo.toml asks for %s", compiler, rust)
	}
	expect(t, "the image's compiler", compiler, find(t, "rust-toolchain.toml", `channel = "(.+)"`))
}

func TestPodsOfKubernetesRunAsTheUserOfTheImage(t *testing.T) {
	user := find(t, "deploy/docker/Dockerfile", `(?m)^USER (\d+):`)
	for _, manifest := range []string{"base/archiver.yaml", "base/verify-daily.yaml", "verify-full/verify-full.yaml"} {
		expect(t, manifest, find(t, "deploy/kubernetes/"+manifest, `runAsUser: (\d+)`), user)
	}
}

func TestContainersOfKivendCanWriteToTheirVolumesOnlyAndGainNoRights(t *testing.T) {
	for _, name := range []string{"archiver", "topics"} {
		service := load(t).Services[name]
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) ||
			!slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: read-only %v, dropped %v, options %v", name, service.ReadOnly, service.CapDrop, service.SecurityOpt)
		}
	}
}

// What a container mounts from this checkout must be there, or the engine makes an empty folder of root's.
func TestWhatIsMountedIsInThisCheckout(t *testing.T) {
	for name, service := range load(t).Services {
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s mounts %s: %v", name, volume.Source, err)
			}
		}
	}
}

func TestPrometheusScrapesTheServicesThatHaveMetrics(t *testing.T) {
	settings := read(t, "deploy/docker/prometheus.yml")
	for _, target := range []string{"archiver:9464", "kafka-exporter:9308"} {
		if !strings.Contains(settings, target) {
			t.Errorf("deploy/docker/prometheus.yml does not name %s", target)
		}
	}
}
