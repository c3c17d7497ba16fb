"""What staff's pages say and do, without a toolkit: drafts, acts, panels. Their looks are in kiosk/ui/screens/staff."""
