# The whole and its watchers without any network: a machine with Docker, the pinned images out of their derivations, and the
# proof.
{ pkgs, stack }:
pkgs.testers.runNixOSTest {
  name = "suho-e2e";
  nodes.machine = {
    virtualisation = {
      docker.enable = true;
      cores = 4;
      memorySize = 16384;
      diskSize = 40960;
    };
    environment.systemPackages = [ stack.suho ];
  };
  testScript = ''
    machine.wait_for_unit("docker.service")
    machine.succeed("suho images load ${stack.images}", timeout=900)
    machine.succeed("suho up --images upstream --monitoring --timeout 600", timeout=900)
    machine.succeed("suho verify --allow-restart", timeout=900)
    machine.succeed("suho down")
  '';
}
