! Reads fields of one version of a secret with libhandsfree_secrets from Fortran.
!
!   gfortran handsfree_secrets.f90 document.f90 -lhandsfree_secrets -o document
!   vault kv put secret/fortran/database username=app password=hunter2
!   SECRET_MANAGER_TYPE=vault ./document
program document_fields
    use, intrinsic :: iso_c_binding, only: c_int32_t
    use, intrinsic :: iso_fortran_env, only: error_unit
    use handsfree_secrets
    implicit none

    type(hf_manager) :: manager
    type(hf_document) :: database
    character(len=:), allocatable :: username, password, message
    integer(c_int32_t) :: status

    status = hf_open(manager, message)
    ! Two gets of two fields may see two versions; a document is one version, whole.
    if (status == HF_OK) status = hf_get_document(manager, 'vault://fortran_database', database, message)
    select case (status)
    case (HF_OK)
        print '(a,i0)', '  version  ', hf_document_version(database)
        if (hf_document_text(database, 'username', username)) print '(2a)', '  username ', username
        ! A real program would use the password.
        if (hf_document_text(database, 'password', password)) print '(2a)', '  password ', password
        call hf_wipe(password)
        if (.not. hf_document_text(database, 'host', username)) print '(a)', '  host     there is no such field'
    case (HF_NOT_FOUND)
        print '(a)', 'there is no such secret'
    case default
        write (error_unit, '(a,i0,2a)') 'status ', status, ': ', message
    end select
    call hf_document_free(database)
    call hf_close(manager)
    if (status < HF_OK) stop 1
end program
