# The program hfsecret, built only by `cmake --build build --target hfsecret`. docs/shell.md describes it.

add_executable(hfsecret EXCLUDE_FROM_ALL
    tools/hfsecret/commands.c
    tools/hfsecret/documents.c
    tools/hfsecret/input.c
    tools/hfsecret/main.c
    tools/hfsecret/migrate.c
    tools/hfsecret/options.c
    tools/hfsecret/output.c
    tools/hfsecret/request.c
    tools/hfsecret/transit.c
    tools/hfsecret/versions.c)
target_compile_features(hfsecret PRIVATE c_std_99)
target_link_libraries(hfsecret PRIVATE handsfree_secrets::handsfree_secrets)
