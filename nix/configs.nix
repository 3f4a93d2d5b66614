# Every file of a deployment, checked as far as can be without starting it: by the engine's own checker where it has one,
# by ours everywhere. A typo fails this build.
{
  pkgs,
  suho,
  deployment,
  settings,
}:
let
  # As the embedded files: what somebody leaves in the directory, an .env above all, belongs to no store.
  files = builtins.path {
    name = "deployment";
    path = deployment;
    filter =
      path: type:
      let
        name = baseNameOf path;
      in
      type == "directory" && name != "backups"
      || name == ".env.example"
      || builtins.substring 0 1 name != ".";
  };
in
pkgs.runCommand "suho-configs"
  {
    nativeBuildInputs = [
      suho
      pkgs.docker-compose
      pkgs.jq
      pkgs.libxml2
      pkgs.nats-server
      pkgs.postgresql_17
      # promtool.
      pkgs.prometheus.cli
    ];
    inherit files;
    settings = builtins.toJSON settings;
    passAsFile = [ "settings" ];
  }
  ''
    bash ${./check-configs.sh}
  ''
