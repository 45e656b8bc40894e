"""What benches/compare and benches/scaling share: running a process and reading what it cost, keeping results, drawing them."""
