"""What `make dist` wrote to dist/, as those see it who get it: unpacked elsewhere, linked, run, looked into.

    scripts/dist && scripts/with-server --tls python3 -m unittest discover --start-directory tests/dist

The quickstarts run against the server that the environment names, so the tests belong below scripts/with-server. What
is built for another machine is looked into and not run.
"""

import shutil
import sys

from packages import HOST, ROOT, STRICT, VERSION, Packages, environment, run, zig


class Programs(Packages):
    """Builds and runs programs with the packages of this machine."""

    def test_the_c_quickstart_links_and_runs_shared_and_static(self):
        folder, rpath = self.prefix / "lib/pkgconfig", f"-Wl,-rpath,{self.prefix}/lib"
        shared = self.flags("handsfree_secrets", folder)
        self.runs(self.compile("cc", "c99", "examples/c/quickstart.c", "c-shared", *shared, rpath))
        static = self.flags("handsfree_secrets-static", folder)
        program = self.compile("cc", "c99", "examples/c/quickstart.c", "c-static", *static)
        self.assertNotIn("libhandsfree_secrets", run("readelf", "--dynamic", program))
        self.runs(program)

    def test_the_cpp_quickstart_links_and_runs_shared_and_static(self):
        folder, rpath = self.prefix / "lib/pkgconfig", f"-Wl,-rpath,{self.prefix}/lib"
        for package in ("handsfree_secrets", "handsfree_secrets-static"):
            flags = self.flags(package, folder)
            self.runs(self.compile("c++", "c++17", "examples/cpp/quickstart.cpp", f"cpp-{package}", *flags, rpath))

    def test_the_go_quickstart_links_and_runs_shared_and_static(self):
        for options in ((), ("-tags", "static_link")):
            self.runs(self.build_go(self.prefix / "lib", f"go{''.join(options)}", *options))

    def test_the_go_module_brings_the_licences(self):
        for name in ("LICENSE-APACHE", "LICENSE-MIT"):
            self.assertEqual((self.prefix / "bindings/go" / name).read_text(), (self.prefix / name).read_text())

    def test_every_go_module_with_dependencies_brings_their_checksums(self):
        for module in self.prefix.rglob("go.mod"):
            needs = "require " in module.read_text().replace("require github.com/handsfree/", "")
            self.assertEqual((module.parent / "go.sum").exists(), needs, module)

    def test_hfsecret_runs_and_compiles(self):
        self.assertEqual(run(self.prefix / "bin/hfsecret", "--version"), f"hfsecret {VERSION}\n")
        run(self.prefix / "bin/hfsecret", "check")
        flags = self.flags("handsfree_secrets", self.prefix / "lib/pkgconfig")
        program, sources = self.scratch / "hfsecret", sorted((self.prefix / "tools/hfsecret").glob("*.c"))
        run("cc", "-std=c99", *STRICT, *sources, *flags, f"-Wl,-rpath,{self.prefix}/lib", "-o", program)
        self.assertEqual(run(program, "--version"), f"hfsecret {VERSION}\n")

    def test_the_python_quickstart_runs(self):
        self.assertTrue((self.prefix / "bindings/python/handsfree_secrets/py.typed").exists())
        settings = {"PYTHONPATH": self.prefix / "bindings/python", "PYTHONDONTWRITEBYTECODE": "1",
                    "HANDSFREE_SECRETS_LIBRARY": self.library}
        self.assertIn("vault://", run(sys.executable, self.prefix / "examples/python/quickstart.py",
                                      env=environment(**settings)))

    def test_pip_installs_the_python_package_of_the_tarball(self):
        sources = self.scratch / "sources"  # a copy, since setuptools writes into it
        for folder in ("bindings/python", "include"):
            shutil.copytree(self.prefix / folder, sources / folder)
        run(ROOT / "target/dist-tools/bin/python", "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps",
            "--no-build-isolation", "--wheel-dir", self.scratch, sources / "bindings/python")
        self.assertTrue((self.scratch / f"handsfree_secrets-{VERSION}-py3-none-any.whl").exists())

    def test_cmake_finds_the_package(self):
        project, build = ROOT / "tests/packaging/consumers/find_package", self.scratch / "cmake"
        source = self.scratch / "cmake-source"
        source.mkdir()
        for file in (project / "CMakeLists.txt", project.parent / "consumer.c", project.parent / "consumer.cpp"):
            shutil.copy(file, source)
        run("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        for program in ("c_shared", "c_static", "cxx_shared", "cxx_static"):
            self.assertIn(VERSION, run(build / program))

    def test_programs_link_where_glibc_2_17_is_all_there_is(self):
        compiler, caches = zig("cc", f"{HOST}-linux-gnu.2.17")
        include, library = f"-I{self.prefix}/include", self.prefix / "lib"
        source = self.prefix / "examples/c/quickstart.c"
        run(*compiler, source, include, f"-L{library}", "-lhandsfree_secrets", "-o", self.scratch / "old-shared",
            env=environment(**caches))
        program = self.scratch / "old-static"
        run(*compiler, source, include, library / "libhandsfree_secrets.a", "-lunwind", "-lpthread", "-lm", "-ldl", "-lrt",
            "-o", program, env=environment(**caches))
        self.runs(program)
