"""From a file to a campaign or table: cells, headers, layout, values."""
