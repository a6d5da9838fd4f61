package secrets

// #include <handsfree_secrets.h>
import "C"

// newMetadata creates metadata, which the caller frees.
func newMetadata(entries map[string]string) (*C.hf_metadata, error) {
	metadata := C.hf_metadata_new()
	for key, value := range entries {
		if err := setMetadata(metadata, key, value); err != nil {
			C.hf_metadata_free(metadata)
			return nil, err
		}
	}
	return metadata, nil
}

func setMetadata(metadata *C.hf_metadata, key, value string) error {
	cKey, err := newCString("metadata's key", key)
	if err != nil {
		return err
	}
	cValue, err := newCString("metadata's value", value)
	if err != nil {
		return err
	}
	var cError *C.hf_error
	return takeError(C.hf_metadata_set(metadata, cKey.pointer(), cValue.pointer(), &cError), cError)
}

// copyMetadata copies metadata that the library keeps. Entries with U+0000, which the library returns as NULL, are left
// out.
func copyMetadata(metadata *C.hf_metadata) map[string]string {
	entries := make(map[string]string)
	for index := C.size_t(0); index < C.hf_metadata_len(metadata); index++ {
		key, value := C.hf_metadata_key(metadata, index), C.hf_metadata_value(metadata, index)
		if key != nil && value != nil {
			entries[C.GoString(key)] = C.GoString(value)
		}
	}
	return entries
}
