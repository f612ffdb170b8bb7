"""Serves a video model in diffusers' format to vimi: docs/guides/model-servers.md."""
