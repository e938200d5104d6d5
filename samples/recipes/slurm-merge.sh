#!/bin/bash
#SBATCH --job-name=citesift-merge --cpus-per-task=2 --mem=8G
# All parts, in the order of the shards; none may be missing.
set -euo pipefail
parts=()
for shard in shards/*; do
    parts+=("parts/$(basename "$shard").ndjson.zst")
done
citesift merge --quiet --memory 6GiB "${parts[@]}" -o merged.ndjson.zst --stats merged.json
