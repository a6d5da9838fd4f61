! libhandsfree_secrets for Fortran 2003 and later, with Fortran strings.
!
! Every function that can fail returns a status: HF_OK, HF_NOT_FOUND, or a negative number for a failure. `message` then
! says what failed and what to do next; it is empty otherwise. No message contains a secret.
module handsfree_secrets
    use, intrinsic :: iso_c_binding
    implicit none
    private

    public :: hf_manager, hf_open, hf_close, hf_store, hf_get, hf_update, hf_delete, hf_list, hf_wipe, hf_text
    public :: hf_document, hf_get_document, hf_document_text, hf_document_version, hf_document_free

    integer(c_int32_t), parameter, public :: HF_OK = 0, HF_NOT_FOUND = 1, HF_PENDING = 2, &
        HF_MISMATCH = 3, HF_ERR_INVALID_ARGUMENT = -1, HF_ERR_INVALID_REFERENCE = -2, HF_ERR_CONFIG = -3, HF_ERR_AUTH = -4, &
        HF_ERR_PERMISSION_DENIED = -5, &
        HF_ERR_CONNECTION = -6, HF_ERR_TLS = -7, HF_ERR_TIMEOUT = -8, HF_ERR_UNAVAILABLE = -9, &
        HF_ERR_RATE_LIMITED = -10, HF_ERR_CONFLICT = -11, HF_ERR_TOO_LARGE = -12, HF_ERR_PROTOCOL = -13, &
        HF_ERR_UNSUPPORTED = -14, HF_ERR_CANCELLED = -15, HF_ERR_INTERNAL = -16, &
        HF_ERR_IO = -17

    ! A store of secrets. Any number of threads may use one at once; hf_close frees it.
    type :: hf_manager
        private
        type(c_ptr) :: handle = c_null_ptr
    end type

    ! All fields of one version of a secret. Any number of threads may read one at once; hf_document_free frees it.
    type :: hf_document
        private
        type(c_ptr) :: handle = c_null_ptr
    end type

    ! One element of a list.
    type :: hf_text
        character(len=:), allocatable :: text
    end type

    interface
        function c_open(options, call, manager, error) bind(c, name='hf_manager_open') result(status)
            import :: c_int32_t, c_ptr
            type(c_ptr), value :: options, call
            type(c_ptr), intent(out) :: manager, error
            integer(c_int32_t) :: status
        end function

        subroutine c_manager_free(manager) bind(c, name='hf_manager_free')
            import :: c_ptr
            type(c_ptr), value :: manager
        end subroutine

        function c_store(manager, key, value, metadata, call, reference, error) &
            bind(c, name='hf_store_secret') result(status)
            import :: c_char, c_int32_t, c_ptr
            type(c_ptr), value :: manager, metadata, call
            character(kind=c_char), intent(in) :: key(*), value(*)
            type(c_ptr), intent(out) :: reference, error
            integer(c_int32_t) :: status
        end function

        function c_get(manager, reference, call, value, error) bind(c, name='hf_get_secret') result(status)
            import :: c_char, c_int32_t, c_ptr
            type(c_ptr), value :: manager, call
            character(kind=c_char), intent(in) :: reference(*)
            type(c_ptr), intent(out) :: value, error
            integer(c_int32_t) :: status
        end function

        function c_update(manager, reference, value, metadata, call, error) &
            bind(c, name='hf_update_secret') result(status)
            import :: c_char, c_int32_t, c_ptr
            type(c_ptr), value :: manager, metadata, call
            character(kind=c_char), intent(in) :: reference(*), value(*)
            type(c_ptr), intent(out) :: error
            integer(c_int32_t) :: status
        end function

        function c_delete(manager, reference, call, error) bind(c, name='hf_delete_secret') result(status)
            import :: c_char, c_int32_t, c_ptr
            type(c_ptr), value :: manager, call
            character(kind=c_char), intent(in) :: reference(*)
            type(c_ptr), intent(out) :: error
            integer(c_int32_t) :: status
        end function

        function c_list(manager, prefix, call, list, error) bind(c, name='hf_list_secrets') result(status)
            import :: c_char, c_int32_t, c_ptr
            type(c_ptr), value :: manager, call
            character(kind=c_char), intent(in) :: prefix(*)
            type(c_ptr), intent(out) :: list, error
            integer(c_int32_t) :: status
        end function

        function c_get_document(manager, reference, call, document, error) &
            bind(c, name='hf_get_document') result(status)
            import :: c_char, c_int32_t, c_ptr
            type(c_ptr), value :: manager, call
            character(kind=c_char), intent(in) :: reference(*)
            type(c_ptr), intent(out) :: document, error
            integer(c_int32_t) :: status
        end function

        function c_document_text(document, name, length) bind(c, name='hf_document_text') result(text)
            import :: c_char, c_ptr, c_size_t
            type(c_ptr), value :: document
            character(kind=c_char), intent(in) :: name(*)
            integer(c_size_t), intent(out) :: length
            type(c_ptr) :: text
        end function

        function c_document_version(document) bind(c, name='hf_document_version') result(version)
            import :: c_int64_t, c_ptr
            type(c_ptr), value :: document
            integer(c_int64_t) :: version
        end function

        subroutine c_document_free(document) bind(c, name='hf_document_free')
            import :: c_ptr
            type(c_ptr), value :: document
        end subroutine

        function c_list_len(list) bind(c, name='hf_string_list_len') result(length)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: list
            integer(c_size_t) :: length
        end function

        function c_list_get(list, position) bind(c, name='hf_string_list_get') result(text)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: list
            integer(c_size_t), value :: position
            type(c_ptr) :: text
        end function

        subroutine c_list_free(list) bind(c, name='hf_string_list_free')
            import :: c_ptr
            type(c_ptr), value :: list
        end subroutine

        subroutine c_free_string(text) bind(c, name='hf_free_string')
            import :: c_ptr
            type(c_ptr), value :: text
        end subroutine

        function c_error_message(error) bind(c, name='hf_error_message') result(text)
            import :: c_ptr
            type(c_ptr), value :: error
            type(c_ptr) :: text
        end function

        subroutine c_error_free(error) bind(c, name='hf_error_free')
            import :: c_ptr
            type(c_ptr), value :: error
        end subroutine

        function c_strlen(text) bind(c, name='strlen') result(length)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: text
            integer(c_size_t) :: length
        end function
    end interface

contains

    ! Opens a manager, configured by the environment: SECRET_MANAGER_TYPE, VAULT_ADDR and so on. Tries the credentials.
    function hf_open(manager, message) result(status)
        type(hf_manager), intent(out) :: manager
        character(len=:), allocatable, intent(out) :: message
        integer(c_int32_t) :: status
        type(c_ptr) :: error

        status = c_open(c_null_ptr, c_null_ptr, manager%handle, error)
        message = take_message(error)
    end function

    ! Frees the manager. May be called again.
    subroutine hf_close(manager)
        type(hf_manager), intent(inout) :: manager

        call c_manager_free(manager%handle)
        manager%handle = c_null_ptr
    end subroutine

    ! Stores `secret` under `key`, replacing an existing secret, and returns its reference.
    ! Trailing blanks of all three texts are significant.
    function hf_store(manager, key, secret, reference, message) result(status)
        type(hf_manager), intent(in) :: manager
        character(len=*), intent(in) :: key, secret
        character(len=:), allocatable, intent(out) :: reference, message
        integer(c_int32_t) :: status
        character(len=:), allocatable :: copy
        type(c_ptr) :: text, error

        call end_with_nul(secret, copy)
        status = c_store(manager%handle, key // c_null_char, copy, c_null_ptr, c_null_ptr, text, error)
        call hf_wipe(copy)
        call copy_text(text, reference)
        call c_free_string(text)
        message = take_message(error)
    end function

    ! Gets the value that `reference` names; only with HF_OK. Wipe it with hf_wipe when it is no longer needed.
    function hf_get(manager, reference, secret, message) result(status)
        type(hf_manager), intent(in) :: manager
        character(len=*), intent(in) :: reference
        character(len=:), allocatable, intent(out) :: secret, message
        integer(c_int32_t) :: status
        type(c_ptr) :: text, error

        status = c_get(manager%handle, reference // c_null_char, c_null_ptr, text, error)
        call copy_text(text, secret)
        call c_free_string(text)
        message = take_message(error)
    end function

    ! Replaces the value that `reference` names and keeps its metadata.
    function hf_update(manager, reference, secret, message) result(status)
        type(hf_manager), intent(in) :: manager
        character(len=*), intent(in) :: reference, secret
        character(len=:), allocatable, intent(out) :: message
        integer(c_int32_t) :: status
        character(len=:), allocatable :: copy
        type(c_ptr) :: error

        call end_with_nul(secret, copy)
        status = c_update(manager%handle, reference // c_null_char, copy, c_null_ptr, c_null_ptr, error)
        call hf_wipe(copy)
        message = take_message(error)
    end function

    ! Deletes the secret that `reference` names with all its versions.
    function hf_delete(manager, reference, message) result(status)
        type(hf_manager), intent(in) :: manager
        character(len=*), intent(in) :: reference
        character(len=:), allocatable, intent(out) :: message
        integer(c_int32_t) :: status
        type(c_ptr) :: error

        status = c_delete(manager%handle, reference // c_null_char, c_null_ptr, error)
        message = take_message(error)
    end function

    ! Lists the references of the secrets whose path starts with `prefix`, sorted; '' for all.
    function hf_list(manager, prefix, references, message) result(status)
        type(hf_manager), intent(in) :: manager
        character(len=*), intent(in) :: prefix
        type(hf_text), allocatable, intent(out) :: references(:)
        character(len=:), allocatable, intent(out) :: message
        integer(c_int32_t) :: status
        type(c_ptr) :: list, error
        integer(c_size_t) :: position

        status = c_list(manager%handle, prefix // c_null_char, c_null_ptr, list, error)
        allocate (references(c_list_len(list)))
        do position = 1, size(references, kind=c_size_t)
            call copy_text(c_list_get(list, position - 1), references(position)%text)
        end do
        call c_list_free(list)
        message = take_message(error)
    end function

    ! Gets all fields of one version of a secret; only with HF_OK. `reference` names no field. Free the document with
    ! hf_document_free, with every status.
    function hf_get_document(manager, reference, document, message) result(status)
        type(hf_manager), intent(in) :: manager
        character(len=*), intent(in) :: reference
        type(hf_document), intent(out) :: document
        character(len=:), allocatable, intent(out) :: message
        integer(c_int32_t) :: status
        type(c_ptr) :: error

        status = c_get_document(manager%handle, reference // c_null_char, c_null_ptr, document%handle, error)
        message = take_message(error)
    end function

    ! Copies the text of a field: a string as it is, a number or boolean as its JSON. Returns .false. for all others;
    ! `text` is then empty. Wipe it with hf_wipe when it is no longer needed.
    function hf_document_text(document, name, text) result(found)
        type(hf_document), intent(in) :: document
        character(len=*), intent(in) :: name
        character(len=:), allocatable, intent(out) :: text
        logical :: found
        type(c_ptr) :: pointer
        integer(c_size_t) :: length

        pointer = c_document_text(document%handle, name // c_null_char, length)
        found = c_associated(pointer)
        call copy_characters(pointer, length, text)
    end function

    ! The number of the version; 0 if there are no versions.
    function hf_document_version(document) result(version)
        type(hf_document), intent(in) :: document
        integer(c_int64_t) :: version

        version = c_document_version(document%handle)
    end function

    ! Wipes and frees the document. May be called again.
    subroutine hf_document_free(document)
        type(hf_document), intent(inout) :: document

        call c_document_free(document%handle)
        document%handle = c_null_ptr
    end subroutine

    ! Overwrites a text. `volatile` prevents the compiler from removing that.
    subroutine hf_wipe(text)
        character(len=*), intent(inout), volatile :: text

        text = repeat(c_null_char, len(text))
    end subroutine

    ! Converts a C string; empty for NULL. A subroutine, because a function's result would be a copy that is not wiped.
    subroutine copy_text(pointer, text)
        type(c_ptr), intent(in) :: pointer
        character(len=:), allocatable, intent(out) :: text
        integer(c_size_t) :: length

        length = 0
        if (c_associated(pointer)) length = c_strlen(pointer)
        call copy_characters(pointer, length, text)
    end subroutine

    subroutine copy_characters(pointer, length, text)
        type(c_ptr), intent(in) :: pointer
        integer(c_size_t), intent(in) :: length
        character(len=:), allocatable, intent(out) :: text
        character(kind=c_char), pointer :: characters(:)
        integer(c_size_t) :: position

        allocate (character(len=length) :: text)
        if (length == 0) return
        call c_f_pointer(pointer, characters, [length])
        do position = 1, length
            text(position:position) = characters(position)
        end do
    end subroutine

    ! Appends the NUL that C needs. A subroutine for the same reason.
    subroutine end_with_nul(text, ended)
        character(len=*), intent(in) :: text
        character(len=:), allocatable, intent(out) :: ended

        allocate (character(len=len(text) + 1) :: ended)
        ended(:len(text)) = text
        ended(len(text) + 1:) = c_null_char
    end subroutine

    function take_message(error) result(message)
        type(c_ptr), intent(in) :: error
        character(len=:), allocatable :: message

        message = ''
        if (c_associated(error)) call copy_text(c_error_message(error), message)
        call c_error_free(error)
    end function
end module
