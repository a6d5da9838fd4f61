! The five operations of libhandsfree_secrets from Fortran.
!
!   gfortran handsfree_secrets.f90 quickstart.f90 -lhandsfree_secrets -o quickstart
!   ./quickstart
!
! The environment selects the backend: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN, or nothing for the env
! backend.
program quickstart
    use, intrinsic :: iso_c_binding, only: c_int32_t
    use, intrinsic :: iso_fortran_env, only: error_unit
    use handsfree_secrets
    implicit none

    type(hf_manager) :: manager
    type(hf_text), allocatable :: references(:)
    character(len=:), allocatable :: reference, secret, message
    integer :: position

    call expect(HF_OK, hf_open(manager, message), 'open')
    call expect(HF_OK, hf_store(manager, 'fortran_quickstart', 'first value', reference, message), 'store')
    print '(2a)', '  store    ', reference
    call show_secret()

    call expect(HF_OK, hf_update(manager, reference, 'second value', message), 'update')
    call show_secret()

    call expect(HF_OK, hf_list(manager, 'fortran_', references, message), 'list')
    do position = 1, size(references)
        print '(2a)', '  list     ', references(position)%text
    end do

    call expect(HF_OK, hf_delete(manager, reference, message), 'delete')
    ! A missing secret is not an error.
    call expect(HF_NOT_FOUND, hf_get(manager, reference, secret, message), 'gone')
    print '(a)', '  gone     it is not found any more'
    call hf_close(manager)

contains

    subroutine show_secret()
        call expect(HF_OK, hf_get(manager, reference, secret, message), 'get')
        print '(2a)', '  get      ', secret ! a real program would use it
        call hf_wipe(secret)
    end subroutine

    subroutine expect(wanted, status, step)
        integer(c_int32_t), intent(in) :: wanted, status
        character(len=*), intent(in) :: step

        if (status == wanted) return
        write (error_unit, '(2a,i0,2a)') step, ': status ', status, ': ', message
        stop 1
    end subroutine
end program
