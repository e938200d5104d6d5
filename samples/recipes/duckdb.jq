# The JSON Schema of the records, as the columns that DuckDB's read_json takes.
. as $schema
| def name: if .["$ref"] then .["$ref"] | split("/")[2] else null end;
  def dequote: gsub("\""; "\"\"");
  def sql:
    (if .anyOf then (.anyOf | map(select(.type != "null"))[0]) else . end)
    | (name as $name | if $name then $schema["$defs"][$name] else . end)
    | ([.type] | flatten | map(select(. != "null"))[0]) as $type
    | if .properties then "STRUCT(" + (.properties | to_entries | map("\"\(.key | dequote)\" \(.value | sql)") | join(", ")) + ")"
      elif .oneOf or .enum then "VARCHAR"
      elif .items then "\(.items | sql)[]"
      else {integer: "BIGINT", number: "DOUBLE", boolean: "BOOLEAN", string: "VARCHAR"}[$type // ""] // "JSON"
      end;
  "{" + (.properties | to_entries | map("\"\(.key)\": '\(.value | sql)'") | join(", ")) + "}"
