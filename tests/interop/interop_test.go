// Package interop checks what kivend wrote with the libraries of other transparency logs: notes with Go's
// golang.org/x/mod/sumdb/note, trees and proofs with github.com/transparency-dev/merkle. tests/interop/mod.rs runs it.
package interop

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// The folder with the data; its files are described in mod.rs.
const folderVariable = "KIVEND_TEST_INTEROP"

// proofs is the content of proofs.json. Hashes are in base64.
type proofs struct {
	// Leaves holds the bytes of each leaf.
	Leaves [][]byte `json:"leaves"`
	// Roots holds the root of the tree over the first n leaves at index n.
	Roots       [][]byte      `json:"roots"`
	Inclusion   []inclusion   `json:"inclusion"`
	Consistency []consistency `json:"consistency"`
}

type inclusion struct {
	Index uint64   `json:"index"`
	Size  uint64   `json:"size"`
	Path  [][]byte `json:"path"`
}

type consistency struct {
	First  uint64   `json:"first"`
	Second uint64   `json:"second"`
	Path   [][]byte `json:"path"`
}

func folder(t *testing.T) string {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		t.Skipf("%s is not set: `cargo test --release interop` sets it", folderVariable)
	}
	return folder
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func readProofs(t *testing.T) proofs {
	t.Helper()
	var all proofs
	if err := json.Unmarshal(read(t, "proofs.json"), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Inclusion) == 0 || len(all.Consistency) == 0 {
		t.Fatal("proofs.json has no proofs")
	}
	return all
}

func TestInclusionProofs(t *testing.T) {
	all := readProofs(t)
	for _, one := range all.Inclusion {
		leaf := rfc6962.DefaultHasher.HashLeaf(all.Leaves[one.Index])
		root := all.Roots[one.Size]
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, one.Index, one.Size, leaf, one.Path, root); err != nil {
			t.Errorf("leaf %d of %d: %v", one.Index, one.Size, err)
		}
	}
}

func TestConsistencyProofs(t *testing.T) {
	all := readProofs(t)
	for _, one := range all.Consistency {
		first, second := all.Roots[one.First], all.Roots[one.Second]
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, one.First, one.Second, one.Path, first, second); err != nil {
			t.Errorf("%d to %d: %v", one.First, one.Second, err)
		}
	}
}

// cosigned.note is a checkpoint followed by cosignature lines; keys.txt has the log's key and then those of the witnesses,
// one a line.
func TestCosignedCheckpoint(t *testing.T) {
	keys := strings.Fields(string(read(t, "keys.txt")))
	log, err := note.NewVerifier(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	verifiers := []note.Verifier{log}
	for _, key := range keys[1:] {
		witness, err := newWitness(key)
		if err != nil {
			t.Fatal(err)
		}
		verifiers = append(verifiers, witness)
	}
	opened, err := note.Open(read(t, "cosigned.note"), note.VerifierList(verifiers...))
	if err != nil {
		t.Fatal(err)
	}
	if len(opened.Sigs) != len(keys) || len(opened.UnverifiedSigs) != 0 {
		t.Fatalf("%d lines verify, %d do not, of %d keys", len(opened.Sigs), len(opened.UnverifiedSigs), len(keys))
	}
	checkText(t, opened.Text, log.Name(), readProofs(t))
}

// checkText compares the three lines of a checkpoint with the tree over all leaves.
func checkText(t *testing.T, text, origin string, all proofs) {
	t.Helper()
	size := len(all.Leaves)
	root := base64.StdEncoding.EncodeToString(all.Roots[size])
	if want := fmt.Sprintf("%s\n%d\n%s\n", origin, size, root); text != want {
		t.Errorf("the checkpoint is %q, want %q", text, want)
	}
}

// witness verifies cosignature/v1 lines with Ed25519, which the note package does not know.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newWitness(text string) (*witness, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a key: " + text)
	}
	typed, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	if len(typed) != 1+ed25519.PublicKeySize || typed[0] != 0x04 {
		return nil, errors.New("not a key of type 0x04: " + text)
	}
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), typed...))
	if fmt.Sprintf("%x", id[:4]) != parts[1] {
		return nil, errors.New("the id does not belong to the key: " + text)
	}
	return &witness{parts[0], binary.BigEndian.Uint32(id[:4]), ed25519.PublicKey(typed[1:])}, nil
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }

func (w *witness) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	var message bytes.Buffer
	fmt.Fprintf(&message, "cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(w.key, message.Bytes(), signature[8:])
}
