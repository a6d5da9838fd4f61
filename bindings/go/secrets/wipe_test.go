package secrets

import (
	"bytes"
	"testing"
)

func TestCopiesOfManyTextsAreWiped(t *testing.T) {
	texts := [][]byte{[]byte("first"), {}, []byte("front\x00tail"), []byte("last")}
	copies := newCStrings("value", len(texts), func(index int) []byte { return texts[index] })
	memory := copies.memory
	if !bytes.Equal(memory, []byte("first\x00\x00front\x00tail\x00last\x00")) {
		t.Fatalf("copied as %q", memory)
	}
	copies.free()
	if !bytes.Equal(memory, make([]byte, len(memory))) {
		t.Fatalf("%q is left", memory)
	}
}
