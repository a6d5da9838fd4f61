"""Builds the library with its CMake files and cargo, and packages it for Conan 2: docs/install.md."""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rm, rmdir

SOURCES = ("Cargo.toml", "Cargo.lock", "build.rs", "cbindgen.toml", "CMakeLists.txt", "LICENSE-*", "cmake/*", "include/*",
           "src/*", "tests/support/*")


class HandsfreeSecrets(ConanFile):
    name = "handsfree_secrets"
    description = "A client for HashiCorp Vault and OpenBao, as a library with a C interface"
    license = "MIT OR Apache-2.0"
    url = "https://github.com/handsfree/libhandsfree_secrets"
    homepage = url
    topics = ("vault", "openbao", "secrets", "kv")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": True}

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        manifest = load(self, os.path.join(self._root, "Cargo.toml"))
        self.version = re.search(r'\[package\][^\[]*?\nversion *= *"([^"]+)"', manifest).group(1)

    def export_sources(self):
        for pattern in SOURCES:
            copy(self, pattern, self._root, self.export_sources_folder)

    def configure(self):
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    def validate(self):
        if self.settings.os not in ("Linux", "FreeBSD", "Macos"):
            raise ConanInvalidConfiguration(f"{self.name} does not build for {self.settings.os}")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["HANDSFREE_SECRETS_TOOLS"] = False
        toolchain.cache_variables["CMAKE_INSTALL_LIBDIR"] = "lib"
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE-*", self.source_folder, os.path.join(self.package_folder, "licenses"))
        libraries = os.path.join(self.package_folder, "lib")
        rmdir(self, os.path.join(libraries, "cmake"))  # Conan makes these files itself.
        rmdir(self, os.path.join(libraries, "pkgconfig"))
        for pattern in ("*.a",) if self.options.shared else ("*.so*", "*.dylib"):
            rm(self, pattern, libraries)

    def package_info(self):
        self.cpp_info.libs = ["handsfree_secrets"]
        self.cpp_info.set_property("cmake_file_name", "handsfree_secrets")
        self.cpp_info.set_property("cmake_target_name", "handsfree_secrets::handsfree_secrets")
        self.cpp_info.set_property("pkg_config_name", "handsfree_secrets")
        if not self.options.shared:
            self.cpp_info.set_property("cmake_target_aliases", ["handsfree_secrets::handsfree_secrets_static"])
            if self.settings.os == "Linux":
                self.cpp_info.system_libs = ["util", "rt", "pthread", "m", "dl"]
