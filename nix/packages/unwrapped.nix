# The command line with its completions and man pages, without a deployment: that is given to it when it runs.
{ pkgs }:
let
  workspace = import ./workspace.nix { inherit pkgs; };
in
workspace.build {
  pname = "suho-unwrapped";
  sources = [ ];
  cargoBuildFlags = [ "--package=suho" ];
  SUHO_EMBED = "no";
  nativeBuildInputs = [ pkgs.installShellFiles ];
  postInstall = ''
    for shell in bash fish zsh; do
      $out/bin/suho completions $shell >suho.$shell
    done
    installShellCompletion suho.{bash,fish,zsh}
    $out/bin/suho manual manual
    installManPage manual/*
  '';
  meta = {
    description = "Launches, shows and proves the suho data layer from the command line";
    mainProgram = "suho";
  };
}
