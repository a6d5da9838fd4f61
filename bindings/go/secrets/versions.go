package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"strconv"
	"time"
	"unsafe"
)

// A VersionState says whether a version can be read.
type VersionState int32

// The states of a version.
const (
	// VersionLive: the version can be read.
	VersionLive VersionState = C.HF_VERSION_LIVE
	// VersionDeleted: the version was deleted, and can be undeleted.
	VersionDeleted VersionState = C.HF_VERSION_DELETED
	// VersionDestroyed: the content of the version is gone for good.
	VersionDestroyed VersionState = C.HF_VERSION_DESTROYED
)

// String returns "live", "deleted" or "destroyed".
func (s VersionState) String() string {
	switch s {
	case VersionLive:
		return "live"
	case VersionDeleted:
		return "deleted"
	case VersionDestroyed:
		return "destroyed"
	default:
		return "state " + strconv.Itoa(int(s))
	}
}

// A Version is one version of a secret.
type Version struct {
	// Number is the number, which references take: vault://db?version=3.
	Number int64
	// State is the state when the versions were listed.
	State VersionState
	// Created is when the version was written.
	Created time.Time
	// Deletion is when the version was, or will be, deleted; the zero Time if it is not.
	Deletion time.Time
}

// A History has the versions of a secret, and what belongs to all of them.
type History struct {
	// Versions are in ascending order. Those that the server has pruned are absent.
	Versions []Version
	// CustomMetadata is what SetCustomMetadata has set. Entries with U+0000 are left out.
	CustomMetadata map[string]string
}

// Versions lists the versions of a secret and its custom metadata with one request, or returns ErrNotFound. As for all
// functions about versions, the reference names no version and no field, and the error is ErrUnsupported for KV version
// 1 and the env backend, which have no versions.
func (m *Manager) Versions(ctx context.Context, reference string) (History, error) {
	text, err := newCString("reference", reference)
	if err != nil {
		return History{}, err
	}
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_list_versions(m, text.pointer(), call, &out.versions, &out.err)
	})
	if err != nil {
		return History{}, err
	}
	versions := out.versions
	defer C.hf_versions_free(versions)
	history := History{
		Versions:       make([]Version, C.hf_versions_len(versions)),
		CustomMetadata: copyMetadata(C.hf_versions_custom_metadata(versions)),
	}
	for index := range history.Versions {
		at := C.size_t(index)
		history.Versions[index] = Version{
			Number:   int64(C.hf_versions_number(versions, at)),
			State:    VersionState(C.hf_versions_state(versions, at)),
			Created:  parseTime(C.hf_versions_created(versions, at)),
			Deletion: parseTime(C.hf_versions_deletion(versions, at)),
		}
	}
	return history, nil
}

// DeleteVersions deletes versions of a secret, at least one; 0 is the latest. They cannot be read until
// UndeleteVersions. Delete removes a secret with all of its versions for good. If one of the versions does not exist
// the error is ErrNotFound, and nothing is changed.
func (m *Manager) DeleteVersions(ctx context.Context, reference string, versions ...int64) error {
	return m.changeVersions(ctx, reference, versions, func(c versionsCall) C.hf_status {
		return C.hf_delete_versions(c.manager, c.reference, c.versions, c.count, c.call, c.cError)
	})
}

// UndeleteVersions makes deleted versions of a secret readable again, at least one. A version that is not deleted stays
// as it is. If one of the versions does not exist or was destroyed the error is ErrNotFound, and nothing is changed.
func (m *Manager) UndeleteVersions(ctx context.Context, reference string, versions ...int64) error {
	return m.changeVersions(ctx, reference, versions, func(c versionsCall) C.hf_status {
		return C.hf_undelete_versions(c.manager, c.reference, c.versions, c.count, c.call, c.cError)
	})
}

// DestroyVersions removes the content of versions of a secret for good, at least one. If one of the versions does not
// exist the error is ErrNotFound, and nothing is changed.
func (m *Manager) DestroyVersions(ctx context.Context, reference string, versions ...int64) error {
	return m.changeVersions(ctx, reference, versions, func(c versionsCall) C.hf_status {
		return C.hf_destroy_versions(c.manager, c.reference, c.versions, c.count, c.call, c.cError)
	})
}

// A versionsCall has the arguments of the C functions that change the states of versions.
type versionsCall struct {
	manager   *C.hf_manager
	reference *C.char
	versions  *C.int64_t
	count     C.size_t
	call      *C.hf_call
	cError    **C.hf_error
}

func (m *Manager) changeVersions(
	ctx context.Context, reference string, versions []int64, function func(versionsCall) C.hf_status,
) error {
	text, err := newCString("reference", reference)
	if err != nil {
		return err
	}
	numbers := (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(versions)))
	_, err = m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return function(versionsCall{m, text.pointer(), numbers, C.size_t(len(versions)), call, &out.err})
	})
	return err
}

// Rollback writes the fields of an older version as a new version, whose number it returns. The error is ErrNotFound if
// the version cannot be read, and ErrConflict if somebody else writes the secret at the same time.
func (m *Manager) Rollback(ctx context.Context, reference string, version int64) (int64, error) {
	text, err := newCString("reference", reference)
	if err != nil {
		return 0, err
	}
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_rollback_secret(m, text.pointer(), C.int64_t(version), call, &out.number, &out.err)
	})
	return int64(out.number), err
}

// SetCustomMetadata replaces the custom metadata of a secret, which belong to all of its versions, or returns
// ErrNotFound. An empty map removes them. At most 64 keys of 1 to 128 bytes are allowed, with values of 1 to 512 bytes.
// WithMetadata is something else: a field of one version.
func (m *Manager) SetCustomMetadata(ctx context.Context, reference string, metadata map[string]string) error {
	text, err := newCString("reference", reference)
	if err != nil {
		return err
	}
	entries, err := newMetadata(metadata)
	if err != nil {
		return err
	}
	defer C.hf_metadata_free(entries)
	_, err = m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_set_custom_metadata(m, text.pointer(), entries, call, &out.err)
	})
	return err
}

// Rotate gives a field of a secret a new random value: the field that reference names, or "value". passwordPolicy is
// the name of a password policy of the server that makes the value; if it is empty, the value has 32 letters and
// digits. The other fields and the metadata stay, and the old value stays readable with ?version=. It returns the new
// value, which the caller wipes, and the number of the new version.
//
// The error is ErrNotFound if there is no such secret or field. It is ErrConflict if somebody else wrote the secret at
// the same time; then nothing was written here.
func (m *Manager) Rotate(
	ctx context.Context, reference, passwordPolicy string,
) (value Secret, version int64, err error) {
	text, err := newCString("reference", reference)
	if err != nil {
		return Secret{}, 0, err
	}
	var policy cString
	if passwordPolicy != "" {
		if policy, err = newCString("password policy", passwordPolicy); err != nil {
			return Secret{}, 0, err
		}
	}
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_rotate_secret(m, text.pointer(), policy.pointer(), call, &out.text, &out.number, &out.err)
	})
	if err != nil {
		return Secret{}, 0, err
	}
	return takeSecret(out.text), int64(out.number), nil
}
