"""What runs inside a sandbox: standard library only, never importing the rest of ttscale."""
