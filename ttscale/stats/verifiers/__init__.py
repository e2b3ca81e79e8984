"""How good a verifier is: discrimination and calibration against an oracle."""
