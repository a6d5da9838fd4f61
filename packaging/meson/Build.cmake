# Builds the library for Meson: configures SOURCE in BUILD, with the list ARGUMENTS, builds it, and copies the libraries to
# OUTPUT.
#
#   cmake -DSOURCE=… -DBUILD=… -DOUTPUT=… -DARGUMENTS=… -P Build.cmake

foreach(step IN ITEMS configure build)
    set(command -S "${SOURCE}" -B "${BUILD}" -DHANDSFREE_SECRETS_TOOLS=OFF -DHANDSFREE_SECRETS_INSTALL=OFF ${ARGUMENTS})
    if(step STREQUAL "build")
        set(command --build "${BUILD}")
    endif()
    execute_process(COMMAND "${CMAKE_COMMAND}" ${command} RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "the ${step} step of handsfree_secrets failed")
    endif()
endforeach()

file(GLOB libraries "${BUILD}/lib/libhandsfree_secrets.*")
file(COPY ${libraries} DESTINATION "${OUTPUT}")
