"""Samplers: the engines that turn sample requests into samples."""
