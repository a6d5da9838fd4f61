# Turns cargo's static library into one relocatable object whose only global symbols are hf_*.
#
# Cargo's archive contains the Rust runtime and the C code of the cryptography as global symbols. A second Rust library
# in the same program would define the same symbols, and the link would fail or, worse, mix the two.
#
#   cmake -DINPUT=… -DSHARED=… -DOUTPUT=… -DLD=… -DNM=… -DOBJCOPY=… -DAR=… -DSTRIP_DEBUG=ON -P LocalizeStaticLibrary.cmake

function(run out)
    execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        string(REPLACE ";" " " command "${ARGN}")
        message(FATAL_ERROR "cannot make ${OUTPUT}: `${command}` says\n${errors}")
    endif()
    set(${out} "${output}" PARENT_SCOPE)
endfunction()

foreach(tool LD NM OBJCOPY AR)
    if(NOT ${tool})
        message(FATAL_ERROR "cannot make ${OUTPUT}: no ${tool}; install binutils")
    endif()
endforeach()

set(object "${OUTPUT}.dir/handsfree_secrets.o")
file(MAKE_DIRECTORY "${OUTPUT}.dir")

# The linker starts from the API; members and sections that are not reachable from it are omitted. The names of the API
# come from the shared library of the same build: the members of the archive also contain LLVM bitcode, which an nm with
# an LLVM plugin reads instead of the machine code, or fails to read.
run(symbols "${NM}" --dynamic --defined-only --format=posix "${SHARED}")
string(REGEX MATCHALL "(^|\n)hf_[a-z0-9_]+ T" lines "${symbols}")
set(roots "")
foreach(line IN LISTS lines)
    string(REGEX REPLACE "[\n ]|T$" "" name "${line}")
    list(APPEND roots "--undefined=${name}")
endforeach()
if(NOT roots)
    message(FATAL_ERROR "${SHARED} exports no hf_* function: it is not this library")
endif()

# In a relocatable link GNU ld for RISC-V and LoongArch keeps .eh_frame whole, because relaxation may still change the
# code, but --gc-sections moves its relocations as if entries had been removed. The result fails to link or to unwind.
# There the final link of the program removes unreachable code.
execute_process(COMMAND "${LD}" --print-output-format OUTPUT_VARIABLE format ERROR_QUIET RESULT_VARIABLE ignored)
set(collect --gc-sections)
if(format MATCHES "riscv|loongarch")
    set(collect "")
endif()

# Section groups are dissolved: the linker keeps one group of each name in a program, and would discard ours, whose
# symbols are local by then, in favour of that of another Rust library.
run(ignored "${LD}" -r ${collect} --force-group-allocation ${roots} -o "${object}" "${INPUT}")

# The bitcode, joined into one section, is no longer valid, and the same plugins would fail on it.
set(options --wildcard "--keep-global-symbol=hf_*" --remove-section=.llvmbc --remove-section=.llvmcmd)
if(STRIP_DEBUG)
    list(APPEND options --strip-debug)
endif()
run(ignored "${OBJCOPY}" ${options} "${object}")

# Symbols that only the removed sections referred to are still listed as undefined, and no longer as weak. They would
# turn a weak reference of another library, to a function that this system may not have, into a link error. objcopy
# knows which symbols are in use: asked to strip all of them, it keeps those.
run(symbols "${NM}" --undefined-only --format=posix "${object}")
string(REGEX MATCHALL "(^|\n)[^ \n]+ [Uw]" undefined "${symbols}")
list(TRANSFORM undefined REPLACE "^\n| [Uw]$" "")
set(strip_all "${undefined}")
list(TRANSFORM strip_all PREPEND "--strip-symbol=")
execute_process(COMMAND "${CMAKE_COMMAND}" -E env LC_ALL=C "${OBJCOPY}" ${strip_all} "${object}" "${object}.refused"
    ERROR_VARIABLE refusals OUTPUT_QUIET RESULT_VARIABLE ignored)
string(REGEX MATCHALL "not stripping symbol `[^']+'" refused "${refusals}")
list(TRANSFORM refused REPLACE "^.*`|'$" "")
set(unused "${undefined}")
if(refused)
    list(REMOVE_ITEM unused ${refused})
endif()
list(TRANSFORM unused PREPEND "--strip-symbol=")
run(ignored "${OBJCOPY}" ${unused} "${object}")

# Written to another name and renamed, so that an interrupted build leaves no incomplete archive.
file(REMOVE "${OUTPUT}.new")
run(ignored "${AR}" qcsD "${OUTPUT}.new" "${object}")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
file(REMOVE_RECURSE "${OUTPUT}.dir")
