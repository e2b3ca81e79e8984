"""The run directory: samples and verdicts as append-only Parquet segments.

::

    RUN/
      config.yaml                     the resolved configuration
      manifest.json                   the run's id, schema version, cells and their fingerprints; manifest.copy.json is the same
      problems/CELL.parquet           the problems with their answer keys
      samples/CELL/*.parquet          append-only segments
      verdicts/SET/verifier.json      name, version, options of one verdict set
      verdicts/SET/CELL/*.parquet     append-only segments
      sessions/*.json                 one per engine start: engine, versions, tokens, seconds
      torn/                           damaged and misplaced files that were set aside
      report.html, figures/           what `ttscale report` writes

A segment appears whole or not at all (temporary name, fsync, rename, fsync of the folder), so whatever was
acknowledged survives kill -9 and power loss. One process writes at a time (`lock`); readers need no lock.
Every file carries a seal (`seals`): damage, a wrong place and a copy are seen where it is read.
"""
