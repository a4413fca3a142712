"""The main job on real data: teach from what is confirmed, route what is unseen, show how well it went."""
