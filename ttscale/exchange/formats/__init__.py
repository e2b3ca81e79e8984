"""One module per foreign format; each is an importer plugin, see `ttscale.exchange.contract`."""
