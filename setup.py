"""Which folders are which packages; everything else is in pyproject.toml.

The conformance suite lies beside the package, as what is run on any server, and is installed
inside it. No static table of setuptools' can say that without naming every package.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["fake_etcd*"]),
        *(f"fake_etcd.{name}" for name in find_packages(include=["conformance*"])),
    ],
    package_dir={"fake_etcd.conformance": "conformance"},
)
