package interop

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// recordProof holds the members of a kivend.proof/v1 that paths depend on (docs/FORMAT.md, section 8.1).
type recordProof struct {
	Record      []byte          `json:"record"`
	RecordIndex uint64          `json:"record_index"`
	RecordPath  []string        `json:"record_path"`
	Link        string          `json:"link"`
	LinkPath    []string        `json:"link_path"`
	Head        json.RawMessage `json:"head"`
	HeadIndex   uint64          `json:"head_index"`
	HeadPath    []string        `json:"head_path"`
	Leaf        string          `json:"leaf"`
	LeafPath    []string        `json:"leaf_path"`
	Checkpoint  string          `json:"checkpoint"`
}

// consistencyProof holds those of a kivend.consistency/v1.
type consistencyProof struct {
	From string   `json:"from"`
	To   string   `json:"to"`
	Path []string `json:"path"`
}

// TestProofOfARecord follows a proof from the record up to the signed checkpoint.
func TestProofOfARecord(t *testing.T) {
	var made recordProof
	readProof(t, "record.proof", "kivend.proof/v1", &made)
	var link struct {
		Height      uint64 `json:"height"`
		RecordCount uint64 `json:"record_count"`
		RecordsRoot string `json:"records_root"`
	}
	parse(t, opened(t, made.Link), &link)
	checkPath(t, "record", made.Record, made.RecordIndex, link.RecordCount, made.RecordPath, link.RecordsRoot)

	var head []json.RawMessage
	parse(t, string(made.Head), &head)
	var height uint64
	parse(t, string(head[3]), &height)
	var logRoot string
	parse(t, string(head[6]), &logRoot)
	checkPath(t, "link", []byte(made.Link), link.Height, height+1, made.LinkPath, logRoot)

	var leaf struct {
		Number uint64 `json:"number"`
		Heads  struct {
			Count uint64 `json:"count"`
			Root  string `json:"root"`
		} `json:"heads"`
	}
	parse(t, made.Leaf, &leaf)
	line := append(bytes.Clone(made.Head), '\n')
	checkPath(t, "head", line, made.HeadIndex, leaf.Heads.Count, made.HeadPath, leaf.Heads.Root)

	size, root := checkpoint(t, made.Checkpoint)
	checkPath(t, "leaf", []byte(made.Leaf), leaf.Number, size, made.LeafPath, hex.EncodeToString(root))
}

func TestProofOfConsistency(t *testing.T) {
	var made consistencyProof
	readProof(t, "consistency.proof", "kivend.consistency/v1", &made)
	first, firstRoot := checkpoint(t, made.From)
	second, secondRoot := checkpoint(t, made.To)
	if first >= second {
		t.Fatalf("the checkpoints have sizes %d and %d", first, second)
	}
	path := hashes(t, made.Path)
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, first, second, path, firstRoot, secondRoot); err != nil {
		t.Error(err)
	}
}

// readProof reads a proof file: a line with its type, and one with its members.
func readProof(t *testing.T, name, kind string, made any) {
	t.Helper()
	first, rest, _ := strings.Cut(string(read(t, name)), "\n")
	if first != kind {
		t.Fatalf("%s has the type %q", name, first)
	}
	parse(t, rest, made)
}

func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// opened returns the text of a note that the archive's key signed.
func opened(t *testing.T, text string) string {
	t.Helper()
	key, err := note.NewVerifier(strings.TrimSpace(string(read(t, "archive_key.txt"))))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := note.Open([]byte(text), note.VerifierList(key))
	if err != nil {
		t.Fatal(err)
	}
	return opened.Text
}

// checkpoint returns the size and the root of a checkpoint that the archive's key signed.
func checkpoint(t *testing.T, text string) (uint64, []byte) {
	t.Helper()
	lines := strings.Split(opened(t, text), "\n")
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil {
		t.Fatal(err)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		t.Fatal(err)
	}
	return size, root
}

func checkPath(t *testing.T, what string, leaf []byte, index, size uint64, path []string, root string) {
	t.Helper()
	want := hashes(t, []string{root})[0]
	hash := rfc6962.DefaultHasher.HashLeaf(leaf)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, hash, hashes(t, path), want); err != nil {
		t.Errorf("%s %d of %d: %v", what, index, size, err)
	}
}

func hashes(t *testing.T, texts []string) [][]byte {
	t.Helper()
	hashes := make([][]byte, 0, len(texts))
	for _, text := range texts {
		hash, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hash)
	}
	return hashes
}
