"""Tests of the conformance suite's framework; what etcd answers is the scenarios' business."""
